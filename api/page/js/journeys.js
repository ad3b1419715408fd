// Who went where: the journeys, newest first, and the flows between cameras.

import { get } from "./api.js";
import { h } from "./dom.js";
import { count, duration, inOrder, ms, when } from "./format.js";
import { legList } from "./journey.js";
import { personLink } from "./person_link.js";
import { nothingYet, reads, section } from "./section.js";
import { cameras, moment, people } from "./state.js";

const PAGE = 30;
const MANY = 8; // cameras whose names do not stand beside each other

export const journeysView = {
  title: "Journeys",
  open(root, scope) {
    let camera = "";
    const choose = h("select", { class: "field", "aria-label": "Through camera", onchange: () => { camera = choose.value; list.refresh(); } },
      h("option", { value: "" }, "All cameras"), ...cameras.get().map(one => h("option", { value: one.camera_id }, one.camera_id)));
    const list = section("Latest journeys", {
      route: "/journeys", scope, aside: choose,
      load: reads("/journeys", () => ({ limit: PAGE, camera_id: camera })),
      draw: (body, { journeys }) => {
        body.classList.remove("body");
        if (!journeys.length) return nothingYet(body, "No journey yet", "A journey begins when somebody is recognised.");
        body.replaceChildren(...journeys.map(journey));
      },
    });
    root.append(h("div", { class: "heading" }, h("h1", null, "Journeys")),
      h("div", { class: "stack" }, h("div", { class: "two" }, flows(scope).node, transitions(scope).node), occupancy(scope).node, list.node));
    let known = null;
    scope.watch([people], () => {
      const now = people.get().map(one => one.current_camera).join();
      if (now !== known && moment.get() === null) list.refresh(); // the past is asked about once
      known = now;
    });
  },
};

function journey(one) {
  const began = ms(one.started_at), ended = one.ended_at === null ? null : ms(one.ended_at);
  return h("div", { class: "journey", data: { id: one.person_id } }, personLink(one), legList(one.legs.slice(-8), one.legs.length > 8),
    h("span", { class: "small soft number" }, ended === null ? `since ${when(began)}` : `${when(began)} · ${duration(ended - began)}`));
}

function flows(scope) {
  return section("Flows", {
    route: "/analytics/flows", scope, load: reads("/analytics/flows"),
    draw: (body, { cameras: names, matrix }) => {
      if (!names.length) return nothingYet(body, "None yet", "Somebody has to walk from one camera to another.");
      body.parentElement.classList.toggle("many", names.length > MANY);
      const most = Math.max(1, ...matrix.flat());
      const order = names.map((_, i) => i).sort((a, b) => inOrder(names[a], names[b]));
      body.replaceChildren(h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Flows between cameras" }, h("table", { class: "heat" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "from \\ to"), ...order.map(to => h("th", { scope: "col", title: names[to] }, names[to])))),
        h("tbody", null, ...order.map(from => h("tr", null, h("th", { scope: "row", title: names[from] }, names[from]),
          ...order.map(to => cell(matrix[from][to], most))))))));
    },
  });
}

const cell = (n, most) => h("td", { class: "number", vars: { "--share": n / most } }, n ? String(n) : "·");

function transitions(scope) {
  return section("Times between cameras", {
    route: "/analytics/transitions", scope, load: reads("/analytics/transitions"),
    draw: (body, { transitions: found }) => {
      if (!found.length) return nothingYet(body, "None yet", "Somebody has to walk from one camera to another.");
      const top = [...found].sort((a, b) => b.count - a.count).slice(0, 8);
      body.replaceChildren(h("ul", { class: "keys" }, ...top.flatMap(one => [
        h("li", null, `${one.from_camera} → ${one.to_camera}`),
        h("li", { class: "soft small number" }, `${one.count}×, typically ${duration(one.median_ms)} (${duration(one.p10_ms)} to ${duration(one.p90_ms)})`)])));
    },
  });
}

function occupancy(scope) {
  return section("Visitors by hour", {
    route: "/analytics/occupancy", scope,
    load: async signal => {
      const { hours } = await get("/analytics/occupancy", {}, signal);
      return hours.length ? hours : null;
    },
    draw: (body, hours) => {
      const sums = new Map();
      for (const one of hours) sums.set(one.hour, (sums.get(one.hour) ?? 0) + one.entries);
      const most = Math.max(1, ...sums.values());
      const bars = [...sums].sort((a, b) => ms(a[0]) - ms(b[0])).slice(-48);
      body.replaceChildren(h("div", { class: "hours", role: "img", "aria-label": `Entries by hour, at most ${most}` },
        ...bars.map(([hour, n]) => h("i", { vars: { "--share": n / most }, title: `${when(hour)}: ${n} entries` }))),
        h("p", { class: "small soft number" }, `By hour from ${when(bars[0][0])}, at most ${count(most, "entry", "entries")} an hour`));
    },
  });
}
