// What changes something: asked, carried out, told, and undone where that is possible.

import { send } from "./api.js";
import { refreshAll } from "./data.js";
import { confirm, pickPerson, prompt } from "./dialogs.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { portrait } from "./portrait.js";
import { may } from "./state.js";
import { refusal, toast } from "./toast.js";

const path = (person, rest = "") => `/persons/${encodeURIComponent(person.person_id)}${rest}`;

// Whether it was done. A refusal is shown in the API's own words.
async function carriedOut(work) {
  try {
    await work();
    return true;
  } catch (error) {
    refusal(error);
    return false;
  } finally {
    refreshAll();
  }
}

// `other` becomes `person`.
export async function merge(person, other) {
  const both = h("div", { class: "both" },
    h("figure", null, portrait(other, 72, { tall: true }), h("figcaption", null, other.label)), icon("arrow"),
    h("figure", null, portrait(person, 72, { tall: true }), h("figcaption", null, person.label)));
  const text = `${other.label} was ${person.label} all along: one id, one history, all cameras of both. It can be undone.`;
  if (!(await confirm({ title: `Merge ${other.label} into ${person.label}?`, text, action: "Merge", parts: [both] }))) return;
  const done = await carriedOut(() => send("POST", "/persons/merge", { person_id1: person.person_id, person_id2: other.person_id }));
  if (done) toast(`${other.label} is ${person.label} now`, { action: "Undo", run: () => unmerge(person.person_id, other.person_id, other.label) });
}

export async function mergeChosen(person) {
  const into = await pickPerson({ title: `${person.label} is the same person as …`, except: [person.person_id] });
  if (into) await merge(into, person);
}

export async function unmerge(personId, absorbedId, label) {
  const done = await carriedOut(() => send("POST", "/persons/split", { person_id: personId, absorbed_id: absorbedId }));
  if (done) toast(`${label || "The other person"} is a person of its own again`);
}

export async function rename(person) {
  const label = await prompt({ title: `Rename ${person.label}`, label: "New name", value: person.label, action: "Rename", most: 64 });
  if (label === null || label === person.label) return;
  const to = name => send("POST", path(person, "/rename"), { label: name });
  if (await carriedOut(() => to(label))) {
    toast(`${person.label} is called ${label} now`, { action: "Undo", run: () => carriedOut(() => to(person.label)) });
  }
}

export async function forget(person) {
  const text = "Their appearance, history and pictures are erased from the gallery and the views. This can't be undone; seen again, they are a new person.";
  if (!(await confirm({ title: `Forget ${person.label}?`, text, action: "Forget", danger: true }))) return false;
  const done = await carriedOut(() => send("DELETE", path(person)));
  if (done) toast(`${person.label} is forgotten`);
  return done;
}

// `track`: { camera_id, session, tracker_id }.
export async function reject(person, track) {
  const text = `The track ${track.tracker_id} at ${track.camera_id} becomes a person of its own, and is never given to ${person.label} again.`;
  if (!(await confirm({ title: `Not ${person.label}?`, text, action: "Not this person" }))) return;
  if (await carriedOut(() => send("POST", path(person, "/reject"), { track }))) toast(`That was not ${person.label}`);
}

// What a person's menu offers; nothing to those who may only look.
export function entriesOf(person) {
  if (!may()) return [{ text: "Open", run: () => (location.hash = `#/people/${encodeURIComponent(person.person_id)}`) }];
  return [
    { text: "Rename …", run: () => rename(person) },
    { text: "Merge into …", run: () => mergeChosen(person) },
    { text: "Forget …", run: () => forget(person), danger: true },
  ];
}
