// Who looks like this person, with calibrated scores.

import { merge } from "./commands.js";
import { h } from "./dom.js";
import { score } from "./format.js";
import { personLink } from "./person_link.js";
import { reads, section } from "./section.js";
import { may, personOf } from "./state.js";

const MOST = 6;

export function alike(id, scope) {
  return section("Look-alikes", {
    route: "/persons/{person_id}/similar", scope, liveOnly: true,
    load: async signal => {
      const { similar } = await reads(`/persons/${encodeURIComponent(id)}/similar`, { limit: MOST })(signal);
      return similar.length ? similar : null;
    },
    draw: (body, similar) => body.replaceChildren(h("ul", { class: "alike" }, ...similar.map(other => row(id, other)))),
  });
}

function row(id, other) {
  return h("li", null, personLink(other, 30, { crop: other.crop }), scoreBar(other.score), h("span", { class: "number" }, score(other.score)),
    may() && h("button", { type: "button", class: "button quiet", onclick: () => merge(personOf(id), other) }, "Same person"));
}

// `threshold`: where one person begins.
export function scoreBar(value, threshold = 0.6) {
  return h("div", { class: "bar", "aria-hidden": "true" }, h("i", { class: value >= threshold ? "good" : "", vars: { "--share": Math.max(0, Math.min(1, value)) } }), h("b", { vars: { "--at": threshold } }));
}
