// A person's face on the page: the best crop that there is, initials on the person's colour otherwise.

import { get, has, picture } from "./api.js";
import { h } from "./dom.js";
import { hue, initials } from "./format.js";
import { moment } from "./state.js";

const KEPT_MS = 30_000;
const AT_ONCE = 4;

const crops = new Map(); // person id -> { at, url: promise of an object URL or null }
const waiting = [];
let running = 0;

const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    load(target);
  }
}, { rootMargin: "120px" });

// `person`: { person_id, label }. `size` in pixels; `crop`: its address where it is known already, null where it is
// known that there is none.
export function portrait(person, size = 36, { tall = false, crop } = {}) {
  const node = h("span", {
    class: tall ? "portrait tall" : "portrait", "aria-hidden": "true",
    vars: { "--hue": hue(person.person_id), "--size": `${size}px` }, data: { person: person.person_id, crop: crop ?? "" },
  }, initials(person.label));
  if (crop || (crop === undefined && has("/persons/{person_id}/crops"))) seen.observe(node);
  return node;
}

async function load(node) {
  if (moment.get() !== null) return; // pictures are of today: who was forgotten since must not be looked for
  const { person, crop } = node.dataset;
  const url = crop ? await pictureOf(crop) : await best(person);
  if (url && node.isConnected) node.append(h("img", { src: url, alt: "", draggable: "false" }));
}

function best(person) {
  const known = crops.get(person);
  if (known && Date.now() - known.at < KEPT_MS) return known.url;
  const url = queued(async () => {
    if (moment.get() !== null) { // since it was asked for, the past was opened
      crops.delete(person);
      return null;
    }
    const { crops: found } = await get(`/persons/${encodeURIComponent(person)}/crops`);
    for (const { url } of found) { // what is too old, or too much, is not kept
      const shown = await pictureOf(url);
      if (shown) return shown;
    }
    return null;
  });
  crops.set(person, { at: Date.now(), url });
  return url;
}

const pictures = new Map(); // address -> promise of an object URL, or of null for one that is gone: crops never change

export function pictureOf(address) {
  if (!pictures.has(address)) pictures.set(address, fetched(address));
  return pictures.get(address);
}

async function fetched(address) {
  try {
    return (await picture(address))?.url ?? null;
  } catch (error) {
    if (error.status !== 404) pictures.delete(address); // the API is away: the picture is not
    return null;
  }
}

// A long list of persons must not ask for all of their faces at once.
function queued(work) {
  return new Promise(resolve => {
    waiting.push(() => work().then(resolve, () => resolve(null)));
    next();
  });
}

async function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  running++;
  await waiting.shift()();
  running--;
  next();
}
