// A person's journey: the cameras in order with enter, leave and dwell, as steps and as lanes over time.

import { h, svg } from "./dom.js";
import { count, duration, hue, inOrder, when } from "./format.js";
import { icon } from "./icons.js";
import { reads, section } from "./section.js";
import { moment } from "./state.js";

const LAST = 12; // legs spelled out; the lanes show all
const LEFT = 84, WIDTH = 760, LANE = 26, BAR = 14;
const SIGN = 6.4, MOST = 30; // of a camera's name: width, and how many fit

const fitting = name => (name.length > MOST ? `${name.slice(0, MOST - 11)}…${name.slice(-10)}` : name);

export function journeySection(id, scope) {
  const aside = h("span", { class: "small soft number" });
  return section("Journey", {
    route: "/persons/{person_id}/trajectory", scope, aside,
    load: async signal => {
      const found = await reads(`/persons/${encodeURIComponent(id)}/trajectory`)(signal);
      return found.legs.length ? found : null;
    },
    draw: (body, { legs, visits }) => {
      aside.textContent = `${count(visits, "visit")} · ${count(legs.length, "leg")}`;
      body.replaceChildren(h("div", { class: "stack" }, legList(legs.slice(-LAST), legs.length > LAST), lanes(legs, id)));
    },
  });
}

// `legs`: oldest first.
export function legList(legs, shortened = false) {
  const parts = legs.flatMap((leg, index) => [index || shortened ? icon("arrow") : null, legOf(leg)]);
  return h("div", { class: "legs" }, shortened ? h("span", null, "…") : null, ...parts);
}

function legOf(leg) {
  const open = leg.left_at === null;
  return h("span", { class: open ? "leg now" : "leg", data: { camera: leg.camera_id }, title: `${when(leg.entered_at)} – ${open ? "now" : when(leg.left_at)}` },
    leg.camera_id, h("small", { class: "number" }, open ? `since ${when(leg.entered_at)}` : `${when(leg.entered_at)} · ${duration(leg.dwell_ms)}`));
}

function lanes(legs, id) {
  const cameras = [...new Set(legs.map(leg => leg.camera_id))].sort(inOrder);
  const now = moment.get() ?? Date.now();
  const first = legs[0].entered_at, last = Math.max(...legs.map(leg => leg.left_at ?? now), first + 1000);
  const left = Math.max(LEFT, 14 + SIGN * Math.max(...cameras.map(camera => fitting(camera).length)));
  const x = at => left + ((at - first) / (last - first)) * (WIDTH - left - 10);
  const y = camera => cameras.indexOf(camera) * LANE + 6;
  const height = cameras.length * LANE + 26;
  const drawing = svg("svg", { class: "lanes", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${legs.length} legs at ${cameras.join(", ")}` });
  for (const camera of cameras) {
    drawing.append(svg("line", { x1: left, x2: WIDTH - 10, y1: y(camera) + BAR / 2, y2: y(camera) + BAR / 2 }),
      svg("text", { x: left - 10, y: y(camera) + BAR - 3, "text-anchor": "end" }, fitting(camera), svg("title", {}, camera)));
  }
  for (let i = 1; i < legs.length; i++) {
    const from = legs[i - 1], to = legs[i];
    drawing.append(svg("path", { d: `M${x(from.left_at ?? to.entered_at)} ${y(from.camera_id) + BAR / 2}L${x(to.entered_at)} ${y(to.camera_id) + BAR / 2}` }));
  }
  for (const leg of legs) {
    const end = leg.left_at ?? now;
    drawing.append(svg("rect", { x: x(leg.entered_at), y: y(leg.camera_id), width: Math.max(3, x(end) - x(leg.entered_at)), height: BAR, rx: 3, class: leg.left_at === null ? "now" : "", vars: { "--hue": hue(id) } },
      svg("title", {}, `${leg.camera_id}, ${when(leg.entered_at)} – ${leg.left_at === null ? "now" : when(leg.left_at)}, ${duration(end - leg.entered_at)}`)));
  }
  for (const [anchor, at] of [["start", first], ["end", last]]) {
    drawing.append(svg("text", { x: x(at), y: height - 5, "text-anchor": anchor }, when(at)));
  }
  return drawing;
}
