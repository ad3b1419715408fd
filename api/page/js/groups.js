// Who comes, moves and leaves together.

import { h } from "./dom.js";
import { count, duration, when } from "./format.js";
import { personLink } from "./person_link.js";
import { nothingYet, reads, section } from "./section.js";
import { personOf } from "./state.js";

export const groupsView = {
  title: "Groups",
  open(root, scope) {
    const found = section("Together", {
      route: "/groups", scope, load: reads("/groups"),
      draw: (body, { groups }) => {
        if (!groups.length) return nothingYet(body, "No group yet", "Groups show once people were together more often than chance explains.");
        body.replaceChildren(h("div", { class: "cards" }, ...groups.map(card)));
      },
    });
    root.append(h("div", { class: "heading" }, h("h1", null, "Groups")), found.node);
    scope.every(10_000, found.refresh);
  },
};

function card(group) {
  const members = group.person_ids.map((id, i) => personOf(id) ?? { person_id: id, label: group.labels[i] });
  const { together } = group;
  return h("article", { class: "card" },
    h("div", { class: "head" }, h("h3", null, count(members.length, "person", "persons")), h("span", { class: "grow" }), h("span", { class: "chip number" }, `${Math.round(group.confidence * 100)} % sure`)),
    h("div", { class: "body stack" }, h("div", { class: "chips" }, ...members.map(one => personLink(one, 32))),
      h("p", { class: "small soft number" }, `Together ${count(together.count, "time")}, ${duration(together.ms)} in all, at ${together.cameras.join(", ")}`),
      h("p", { class: "small soft number" }, `${when(group.since)} – ${when(group.last)}`)));
}
