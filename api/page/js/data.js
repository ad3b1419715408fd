// Loads what all views share, and keeps it fresh: by the WebSocket's word, by a slow clock, by the moment.

import { askAgain, get, has, Refused } from "./api.js";
import { arrived, knownArrivals } from "./arrivals.js";
import { inOrder, ms } from "./format.js";
import { gathered, signal } from "./signal.js";
import { alertsOpen, cameras, labels, loaded, moment, people, reviewOpen, silence, site, trouble, unready } from "./state.js";

const PAGE = 1000; // persons a request
const MOST = 20; // requests
const DEAF_MS = 4000; // a change that the API knows of for so long has been told, or never will be

const live = new Map(); // labels as the WebSocket tells them, whatever moment is shown

// A large gallery is asked for less often: 0.3 s, and one more for each thousand persons.
export const refreshPeople = gathered(loadPeople, () => 300 + people.get().length);
export const refreshCameras = gathered(loadCameras, 50);
export const refreshCounts = gathered(loadCounts, 400);

// What no answer but this one tells: that nobody decides what the cameras send.
export async function refreshReadiness() {
  if (moment.get() !== null || !has("/readyz")) return;
  try {
    await get("/readyz");
    unready.set("");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 503) unready.set(error.message);
  }
}

export function refreshAll() {
  refreshReadiness();
  refreshCameras();
  refreshPeople();
  refreshCounts();
  knownArrivals();
}

// What the WebSocket says of one camera.
export function heard(camera, names) {
  arrived(camera, live.get(camera), names);
  live.set(camera, names);
  if (moment.get() !== null) return;
  const shown = labels.get().get(camera);
  labels.get().set(camera, names);
  labels.touch();
  // What a connection tells first, /cameras told before persons were asked for.
  if (!shown || !same(shown, names)) refreshPeople();
}

// Counts up when the WebSocket does not tell what the API knows.
export const deaf = signal(0);
const untold = new Map(); // camera -> { names: what was told last, since } while the API says otherwise

function compare(answer) {
  const now = Date.now();
  for (const { camera_id: camera, person_labels } of answer.cameras) {
    const names = live.get(camera), before = untold.get(camera);
    if (same(names ?? {}, person_labels)) untold.delete(camera);
    else if (before?.names !== names || !before) untold.set(camera, { names, since: now });
    else if (now - before.since > DEAF_MS) {
      untold.clear();
      return deaf.set(deaf.get() + 1);
    }
  }
}

// All at once fall silent when Kafka or what fills the views does: who is where stands still.
function silentSince(all) {
  const owing = all.filter(one => !["ended", "failed", "unknown"].includes(one.state));
  return owing.some(one => one.reporting) ? 0 : Math.max(0, ...owing.map(one => ms(one.reported_at)));
}

const same = (one, other) => Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([tracker, label]) => other[tracker] === label);

let then = new AbortController(); // of what is asked about the moment shown

moment.listen(at => {
  then.abort();
  then = new AbortController();
  if (at === null) labels.set(new Map(live));
  loadCameras();
  loadPeople();
  knownArrivals(then.signal);
});

async function loadPeople() {
  await shown(async at => {
    const found = [];
    let cursor = null;
    for (let page = 0; page < MOST; page++) {
      const answer = await get("/persons", { limit: PAGE, cursor }, then.signal);
      found.push(...answer.persons);
      cursor = answer.next_cursor ?? null;
      if (cursor === null || moment.get() !== at) break;
    }
    return found;
  }, found => people.set(found));
}

async function loadCameras() {
  await shown(() => get("/cameras", {}, then.signal), answer => {
    site.set(answer.site_id);
    if (moment.get() !== null || !live.size) {
      labels.set(new Map(answer.cameras.map(one => [one.camera_id, one.person_labels])));
    }
    if (moment.get() === null) {
      compare(answer);
      silence.set(silentSince(answer.cameras));
    }
    cameras.set(answer.cameras.sort((a, b) => inOrder(a.camera_id, b.camera_id)));
    loaded.set(true);
  });
}

async function loadCounts() {
  if (moment.get() !== null) return;
  if (has("/alerts")) {
    await shown(() => get("/alerts", { state: "open", limit: 100 }), ({ alerts, next_cursor }) => alertsOpen.set(next_cursor === null ? alerts.length : `${alerts.length}+`));
  }
  if (has("/review")) await shown(() => get("/review", { limit: 1 }), answer => reviewOpen.set(answer.total));
}

// An answer about another moment than the one shown now comes too late.
async function shown(load, take) {
  const at = moment.get();
  try {
    const answer = await load(at);
    if (moment.get() === at) take(answer);
    trouble.set("");
  } catch (error) {
    if (error.name === "AbortError") return; // another moment is shown
    if (!(error instanceof Refused)) throw error;
    if (moment.get() !== at) return;
    trouble.set(error.message);
    askAgain(error, () => moment.get() === at && shown(load, take));
  }
}
