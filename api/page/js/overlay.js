// Boxes and labels over a camera's picture, in the picture's own coordinates.

import { h, keyed, setText, svg } from "./dom.js";
import { hue } from "./format.js";
import { hrefOf } from "./person_link.js";
import { personCalled } from "./state.js";

// `frame`: { width, height, boxes: [{ tracker_id, bbox: [x, y, w, h], label }] } in pixels, or null.
export function drawBoxes(root, frame, names, camera) {
  if (!frame?.width || !frame.boxes.length) return root.replaceChildren();
  let drawing = root.querySelector("svg");
  if (!drawing) {
    drawing = svg("svg", { class: "boxes", preserveAspectRatio: "xMidYMid meet" });
    root.replaceChildren(drawing, h("div"));
  }
  drawing.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const found = frame.boxes.map(box => {
    const label = box.label ?? names[String(box.tracker_id)];
    return { ...box, label, person: label && personCalled(label, camera) };
  });
  const keyOf = one => one.tracker_id;
  keyed(drawing, found, keyOf, make, place);
  keyed(root.lastElementChild, found.filter(one => one.label), keyOf, () => h("span", { class: "tag" }), (node, one) => {
    node.style.left = `${(100 * one.bbox[0]) / frame.width}%`;
    node.style.top = `${Math.max(8, (100 * one.bbox[1]) / frame.height)}%`;
    node.style.setProperty("--hue", colour(one));
    setText(node, one.label);
  });
}

function make(one) {
  return svg("a", { tabindex: "-1" }, svg("rect", {}), svg("title", {}, one.label ?? "not known yet"));
}

function place(node, one) {
  const [rect, title] = node.children;
  const [x, y, width, height] = one.bbox;
  for (const [name, value] of Object.entries({ x, y, width, height })) rect.setAttribute(name, value);
  rect.style.setProperty("--hue", colour(one));
  rect.style.strokeDasharray = one.label ? "" : "4 4";
  if (one.person) node.setAttribute("href", hrefOf(one.person.person_id));
  setText(title, one.label ?? "not known yet");
}

const colour = one => (one.person ? hue(one.person.person_id) : 210);
