// What all views share. Nothing here does anything.

import { inOrder } from "./format.js";
import { signal } from "./signal.js";

export const features = signal(new Set()); // routes of the API, such as "/groups"
export const connection = signal({ state: "connecting", retryIn: 0 });
export const who = signal({ role: "admin", auth: "off", name: "" });
export const site = signal("");
export const cameras = signal([]); // as /cameras gives them, in the order of their names
export const labels = signal(new Map()); // camera -> { tracker: label }, changed in place
export const people = signal([]); // as /persons gives them, in the order of registration
export const loaded = signal(false); // people and cameras are there
export const moment = signal(null); // ms since the epoch that the page shows; null: now
export const alertsOpen = signal(0); // "100+" where there are more
export const reviewOpen = signal(0);
export const trouble = signal(""); // what the last refresh ended with
export const unready = signal(""); // why the API says that its answers do not move on
export const silence = signal(0); // ms since the epoch of the last report, where every camera owes one; else 0

const RANK = { viewer: 0, operator: 1, admin: 2 };

// Whether this user may change something now: nobody changes the past.
export const may = (role = "operator") => moment.get() === null && RANK[who.get().role] >= RANK[role];

export const personOf = id => people.get().find(person => person.person_id === id);

// The person behind a label before a camera: labels are what the WebSocket tells.
export function personCalled(label, camera) {
  const named = people.get().filter(person => person.label === label);
  return named.find(person => person.current_camera === camera) ?? named[0];
}

// Camera -> [[tracker, label]], by label, every camera that is known.
export function whoIsWhere() {
  const found = new Map(cameras.get().map(camera => [camera.camera_id, []]));
  for (const [camera, names] of labels.get()) found.set(camera, Object.entries(names).sort((a, b) => inOrder(a[1], b[1])));
  return new Map([...found].sort((a, b) => inOrder(a[0], b[0])));
}
