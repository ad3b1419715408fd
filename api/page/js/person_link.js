// A person as a small link that can be dragged onto another.

import { h, setText } from "./dom.js";
import { draggable } from "./dragging.js";
import { portrait } from "./portrait.js";

export const hrefOf = id => `#/people/${encodeURIComponent(id)}`;

export function personLink(person, size = 28, options = {}) {
  const name = h("span", null, person.label);
  const link = h("a", { class: "person", href: hrefOf(person.person_id), data: { id: person.person_id } }, portrait(person, size, options), name);
  if (!options.still) draggable(link, () => link.dataset.id);
  return link;
}

export const relabel = (link, person) => setText(link.lastElementChild, person.label);
