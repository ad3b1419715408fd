// One camera of the wall: its picture with boxes where it gives one, its state, and who is before it.

import { h, keyed, setText } from "./dom.js";
import { followFrames } from "./frames.js";
import { inOrder } from "./format.js";
import { icon } from "./icons.js";
import { drawBoxes } from "./overlay.js";
import { personLink, relabel } from "./person_link.js";
import { moment, personCalled } from "./state.js";

const SAID = { streaming: "live", starting: "starting", reconnecting: "reconnecting", failed: "failed", ended: "ended", unknown: "other detector", silent: "silent" };

// Returns { node, update(camera, names) }; `names`: tracker -> label.
export function makeTile(camera, scope) {
  const image = h("img", { alt: "", hidden: true });
  const boxes = h("div", { class: "overlay" });
  const reason = h("span", null, "no live picture");
  const noView = h("div", { class: "no-view" }, icon("camera"), reason);
  const state = h("span", { class: "state" });
  const list = h("div", { class: "names" });
  const node = h("li", { class: "card tile without", data: { camera } },
    h("div", { class: "view" }, image, boxes, noView),
    h("div", { class: "head" }, h("h2", null, camera), h("span", { class: "grow" }), state), list);
  let names = {}, frame = null, streaming = false;

  const showFrame = found => {
    frame = found;
    node.classList.toggle("without", !found);
    image.hidden = !found;
    noView.hidden = Boolean(found);
    if (found) {
      image.src = found.url;
      image.alt = `Live picture of ${camera}`;
    }
    drawBoxes(boxes, frame, names, camera);
  };
  followFrames(camera, node, scope, () => streaming, showFrame);

  return {
    node,
    update(report, told) {
      names = told;
      const shown = report.reporting || ["ended", "failed", "unknown"].includes(report.state) ? report.state : "silent";
      streaming = report.reporting;
      state.dataset.state = shown;
      setText(state, shown === "streaming" ? `${report.fps.toFixed(0)} fps` : SAID[shown] ?? shown);
      state.title = report.detail || `${SAID[shown] ?? shown}, ${report.width}×${report.height}, detector ${report.detector}`;
      setText(reason, moment.get() !== null ? "pictures are live only" : report.detail || "no live picture");
      drawNames(list, camera, names);
      drawBoxes(boxes, frame, names, camera);
    },
  };
}

function drawNames(list, camera, names) {
  const found = Object.entries(names).map(([tracker, label]) => ({ tracker, label, person: personCalled(label, camera) }));
  found.sort((a, b) => inOrder(a.label, b.label));
  const items = found.length ? found : [{ nobody: true }];
  keyed(list, items, one => (one.nobody ? "nobody" : one.person?.person_id ?? one.tracker), one => {
    if (one.nobody) return h("span", { class: "nobody" }, "nobody");
    return one.person ? personLink(one.person, 26) : h("span", { class: "person" }, h("span", null, one.label));
  }, (node, one) => one.person && node.matches("a") && relabel(node, one.person));
}
