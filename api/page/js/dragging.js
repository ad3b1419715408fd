// One person dragged onto another: the dragged one becomes the other. The menu does the same without a mouse.

import { merge } from "./commands.js";
import { may, personOf } from "./state.js";

let dragged = null; // person id

export const isDragging = () => dragged !== null;

// `node` stands for the person `idOf()`, as what is dragged and as where it is dropped.
export function draggable(node, idOf) {
  node.setAttribute("draggable", "true");
  node.addEventListener("dragstart", event => {
    if (!may()) return event.preventDefault();
    dragged = idOf();
    event.dataTransfer.setData("text/plain", dragged);
    event.dataTransfer.effectAllowed = "move";
    node.classList.add("dragging");
  });
  node.addEventListener("dragend", () => {
    dragged = null;
    node.classList.remove("dragging");
  });
  const welcome = () => dragged !== null && dragged !== idOf();
  node.addEventListener("dragover", event => {
    if (!welcome()) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    node.classList.add("drop-here");
  });
  node.addEventListener("dragleave", event => node.contains(event.relatedTarget) || node.classList.remove("drop-here"));
  node.addEventListener("drop", event => {
    node.classList.remove("drop-here");
    if (!welcome()) return;
    event.preventDefault();
    const person = personOf(idOf()), other = personOf(dragged);
    if (person && other) merge(person, other);
  });
}
