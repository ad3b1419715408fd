// Since when somebody is before a camera: as the journeys say, and for those who come while the page is open.

import { get, has, Refused } from "./api.js";
import { moment } from "./state.js";

const MOST = 100; // journeys asked for: the newest are those that are open

let since = new Map(); // "camera/label" -> ms

export const sinceWhen = (camera, label) => since.get(`${camera}/${label}`) ?? null;

// `before`, `now`: tracker -> label of one camera; `before` undefined on the first word of it.
export function arrived(camera, before, now) {
  if (!before || moment.get() !== null) return;
  const were = new Set(Object.values(before)), are = new Set(Object.values(now));
  for (const label of were) if (!are.has(label)) since.delete(`${camera}/${label}`);
  for (const label of are) if (!were.has(label)) since.set(`${camera}/${label}`, Date.now());
}

// Times of another moment say nothing.
moment.listen(() => (since = new Map()));

export async function knownArrivals(signal = undefined) {
  if (!has("/journeys")) return;
  const at = moment.get();
  try {
    const { journeys } = await get("/journeys", { limit: MOST }, signal);
    if (moment.get() !== at) return;
    const open = journeys.flatMap(one => one.legs.filter(leg => leg.left_at === null).map(leg => [`${leg.camera_id}/${one.label}`, leg.entered_at]));
    since = new Map(at === null ? [...since, ...open] : open);
  } catch (error) {
    // Times only: who is where is shown without them.
    if (!(error instanceof Refused || error.name === "AbortError")) throw error;
  }
}
