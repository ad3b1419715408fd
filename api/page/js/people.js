// All persons: found by name, camera and whether they are here; merged by dragging one onto another.

import { entriesOf, forget, mergeChosen, rename } from "./commands.js";
import { h, keyed, setText } from "./dom.js";
import { draggable, isDragging } from "./dragging.js";
import { ago, count, inOrder, wholeTime } from "./format.js";
import { menuButton } from "./menu.js";
import { hrefOf } from "./person_link.js";
import { portrait } from "./portrait.js";
import { cameras, loaded, may, moment, people, personOf } from "./state.js";

const SHOWN = 150; // rows, and so many more by the button
const isHere = person => Number(person.current_camera !== null);
const byName = (a, b) => inOrder(a.label, b.label);
const ORDERS = {
  // Those who are here by name: by time they would change places every second.
  seen: ["Last seen", (a, b) => isHere(b) - isHere(a) || (isHere(a) ? byName(a, b) : b.last_seen.localeCompare(a.last_seen))],
  name: ["Name", byName],
  first: ["First seen", (a, b) => a.first_seen.localeCompare(b.first_seen)],
  visits: ["Visits", (a, b) => b.visit_count - a.visit_count],
};

// Kept while other views are open.
const wanted = { words: "", camera: "", here: false, several: false, order: "seen", shown: SHOWN };

export const peopleList = {
  title: "People",
  open(root, scope) {
    const total = h("span", { class: "count number", role: "status" });
    const list = h("ul", { "aria-label": "Persons" });
    const more = h("button", { type: "button", class: "button", hidden: true, onclick: () => { wanted.shown += SHOWN; draw(); } }, "Show more");
    const nothing = h("div", { class: "empty", hidden: true });
    const camera = h("select", { class: "field", "aria-label": "Seen by camera", onchange: () => { wanted.camera = camera.value; draw(); } });
    const draw = () => {
      if (isDragging()) return; // the row under the pointer must stay there
      keyed(camera, [{ camera_id: "" }, ...cameras.get()], one => one.camera_id || "all", one => h("option", { value: one.camera_id }, one.camera_id || "All cameras"));
      camera.value = wanted.camera;
      const found = chosen();
      setText(total, loaded.get() ? (found.length === people.get().length ? count(found.length, "person", "persons") : `${found.length} of ${people.get().length}`) : "");
      keyed(list, found.slice(0, wanted.shown), one => one.person_id, row, fillRow);
      more.hidden = found.length <= wanted.shown;
      nothing.hidden = found.length > 0 || !loaded.get();
      nothing.replaceChildren(...(people.get().length ? [h("strong", null, "Nobody fits"), "Take a filter away."]
        : moment.get() !== null ? [h("strong", null, "Nobody was known at that moment")]
        : [h("strong", null, "Nobody yet"), "The first person is registered after a few good looks at them."]));
    };
    root.append(h("div", { class: "heading" }, h("h1", null, "People"), total), filters(camera, draw),
      h("div", { class: "card people" }, titles(), list, nothing), h("p", { class: "empty" }, more));
    list.addEventListener("keydown", keys);
    scope.watch([people, cameras, loaded], draw);
    scope.every(1000, () => list.childElementCount < 400 && draw());
  },
};

function filters(camera, draw) {
  const words = h("input", { class: "field search", type: "search", id: "search", value: wanted.words, placeholder: "Name or id  ( / )", "aria-label": "Name or id",
    oninput: event => { wanted.words = event.target.value; wanted.shown = SHOWN; draw(); } });
  const box = (name, text) => h("label", { class: "check" }, h("input", { type: "checkbox", checked: wanted[name], onchange: event => { wanted[name] = event.target.checked; draw(); } }), text);
  const order = h("select", { class: "field", "aria-label": "Order", onchange: event => { wanted.order = event.target.value; draw(); } },
    ...Object.entries(ORDERS).map(([value, [text]]) => h("option", { value, selected: value === wanted.order }, text)));
  return h("div", { class: "filters", role: "search" }, words, camera, order, box("here", "Here now"), box("several", "Several cameras"));
}

function chosen() {
  const words = wanted.words.trim().toLowerCase();
  return people.get().filter(one =>
    (!words || `${one.label} ${one.person_id}`.toLowerCase().includes(words)) &&
    (!wanted.camera || one.cameras.includes(wanted.camera)) &&
    (!wanted.here || one.current_camera !== null) &&
    (!wanted.several || one.cameras.length > 1)).sort(ORDERS[wanted.order][1]);
}

function titles() {
  return h("div", { class: "row title", "aria-hidden": "true" }, ...["Person", "Now at", "Cameras", "Visits", "Last seen", ""].map(text => h("span", null, text)));
}

function row(person) {
  const name = h("a", { class: "person", href: hrefOf(person.person_id), draggable: "false" }, portrait(person, 38), h("span", null, person.label));
  const node = h("li", { class: "row", data: { id: person.person_id } }, name, h("span", null), h("div", { class: "chips" }),
    h("span", { class: "visits number soft small" }), h("span", { class: "seen number soft small" }),
    menuButton(`Actions for ${person.label}`, () => entriesOf(personOf(person.person_id) ?? person)));
  draggable(node, () => node.dataset.id);
  return node;
}

function fillRow(node, person) {
  const [name, where, chips, visits, seen] = node.children;
  setText(name.lastElementChild, person.label);
  const here = person.current_camera;
  where.className = here ? "chip here" : "soft small";
  setText(where, here ?? "–");
  keyed(chips, person.cameras.map(camera => ({ camera })), one => one.camera, one => h("span", { class: "chip" }, one.camera));
  setText(visits, String(person.visit_count));
  setText(seen, here ? "now" : ago(person.last_seen, moment.get() ?? Date.now()));
  seen.title = wholeTime(person.last_seen);
}

// On a row: m merges, e renames, Delete forgets, arrows move.
function keys(event) {
  const here = event.target.closest("li");
  const person = here && personOf(here.dataset.id);
  if (!person || event.ctrlKey || event.metaKey || event.altKey) return;
  const next = { ArrowDown: here.nextElementSibling, ArrowUp: here.previousElementSibling }[event.key];
  if (next) next.querySelector("a").focus();
  else if (event.key === "m" && may()) mergeChosen(person);
  else if (event.key === "e" && may()) rename(person);
  else if (event.key === "Delete" && may()) forget(person);
  else return;
  event.preventDefault();
}
