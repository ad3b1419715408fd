// Short notes at the lower edge, with one thing to do.

import { h } from "./dom.js";

const SHOWN_MS = 9000;

// Why something was not done; what is only not done yet is no fault.
export const refusal = error => toast(error.message, { kind: error.status === 202 ? "" : "bad" });

export function toast(text, { action, run, kind } = {}) {
  const box = h("div", { class: "toast", data: { kind: kind ?? "" } }, h("p", null, text));
  const close = () => box.remove();
  if (action) {
    box.append(h("button", { type: "button", onclick: () => { close(); run(); } }, action));
  }
  box.append(h("button", { type: "button", "aria-label": "Dismiss", onclick: close }, "×"));
  document.getElementById("toasts").append(box);
  // Not while somebody is on it.
  const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 1500) : close());
  setTimeout(leave, SHOWN_MS);
}
