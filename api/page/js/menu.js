// A menu under a button: arrows move, Escape closes, focus goes back to the button.

import { h } from "./dom.js";
import { icon } from "./icons.js";

let open = null;

// `entries()`: [{ text, run, danger }], asked when it opens.
export function menuButton(label, entries) {
  const button = h("button", { type: "button", class: "button quiet square", "aria-label": label, "aria-haspopup": "menu", onclick: () => show(button, entries()) }, icon("more"));
  return button;
}

export function show(button, entries) {
  close();
  if (!entries.length) return;
  const items = entries.map(entry => h("button", { type: "button", role: "menuitem", class: entry.danger ? "danger" : "", onclick: () => { close(); entry.run(); } }, entry.text));
  const menu = h("div", { class: "menu", role: "menu", onkeydown: event => keys(event, items) }, ...items);
  document.body.append(menu);
  place(menu, button.getBoundingClientRect());
  open = { menu, button };
  button.setAttribute("aria-expanded", "true");
  items[0].focus();
}

function close() {
  if (!open) return;
  open.menu.remove();
  open.button.removeAttribute("aria-expanded");
  open = null;
}

function keys(event, items) {
  const now = items.indexOf(document.activeElement);
  const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next !== undefined) items[(next + items.length) % items.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") {
    const { button } = open;
    close();
    button.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function place(menu, below) {
  const { width, height } = menu.getBoundingClientRect();
  const left = Math.min(below.right - width, innerWidth - width - 8);
  const under = below.bottom + height + 4 < innerHeight;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${Math.max(8, under ? below.bottom + 4 : below.top - height - 4)}px`;
}

document.addEventListener("pointerdown", event => open && !open.menu.contains(event.target) && close());
