// The live view: a wall of cameras, and who is where now.

import { sinceWhen } from "./arrivals.js";
import { h, keyed, setText } from "./dom.js";
import { duration } from "./format.js";
import { personLink, relabel } from "./person_link.js";
import { cameras, labels, loaded, moment, people, personCalled, whoIsWhere } from "./state.js";
import { makeTile } from "./tile.js";

export const live = {
  title: "Live",
  open(root, scope) {
    const wall = h("ul", { class: "wall", "aria-label": "Cameras" });
    const list = h("div", { id: "where" });
    const total = h("span", { class: "count number" });
    const nothing = h("div", { class: "card empty", hidden: true });
    root.append(
      h("div", { class: "heading" }, h("h1", null, "Live"), total),
      h("div", { class: "live" },
        h("div", null, wall, nothing),
        h("section", { class: "card where", "aria-labelledby": "where-title" },
          h("div", { class: "head" }, h("h2", { id: "where-title" }, "Who is where")), list)));
    const tiles = new Map();
    const drawWall = () => {
      const known = cameras.get();
      nothing.hidden = known.length > 0 || !loaded.get();
      nothing.replaceChildren(...(moment.get() === null
        ? [h("strong", null, "No camera yet"), "Add one:  saferoom camera --camera-id room1 --source VIDEO|URL|0"]
        : [h("strong", null, "No camera at that moment"), "The log knows of none before."]));
      keyed(wall, known, one => one.camera_id, one => {
        const tile = makeTile(one.camera_id, scope);
        tiles.set(one.camera_id, tile);
        return tile.node;
      }, (node, one) => tiles.get(one.camera_id).update(one, labels.get().get(one.camera_id) ?? {}));
    };
    const drawList = () => {
      const places = whoIsWhere();
      const there = [...places.values()].reduce((sum, names) => sum + names.length, 0);
      setText(total, loaded.get() ? `${there} in sight · ${people.get().length} known` : "");
      keyed(list, [...places], ([camera]) => camera, ([camera]) => place(camera), fillPlace);
    };
    scope.watch([cameras, labels, people, loaded], () => { drawWall(); drawList(); });
    scope.every(1000, drawList);
  },
};

function place(camera) {
  return h("section", { class: "place", data: { camera } },
    h("h3", null, h("span", null, camera), h("span", { class: "number" })), h("ul"));
}

function fillPlace(node, [camera, names]) {
  const [heading, list] = node.children;
  setText(heading.lastElementChild, String(names.length || "–"));
  const found = names.map(([tracker, label]) => ({ tracker, label, since: sinceWhen(camera, label), person: personCalled(label, camera) }));
  keyed(list, found, one => one.person?.person_id ?? `track ${one.tracker}`, row, fillRow);
}

function row({ label, person }) {
  return h("li", { class: "row" }, person ? personLink(person) : h("span", { class: "person" }, h("span", null, label)), h("span", { class: "small soft number" }));
}

function fillRow(node, { person, since }) {
  if (person && node.firstElementChild.matches("a")) relabel(node.firstElementChild, person);
  setText(node.lastElementChild, since === null ? "" : duration(Math.max(0, (moment.get() ?? Date.now()) - since)));
}
