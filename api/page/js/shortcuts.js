// Keys for those who work here all day.

import { tell } from "./dialogs.js";
import { h } from "./dom.js";
import { toggleReplay } from "./replay.js";
import { toggleTheme } from "./theme.js";

const KEYS = [
  ["1 … 7", "open a section"], ["/", "find a person"], ["r", "replay, and back to live"], ["d", "dark or light"],
  ["↑ ↓", "move in the list of people"], ["m", "merge the person in focus into another"], ["e", "rename the person in focus"], ["Delete", "forget the person in focus"],
  ["y  n  s", "answer a review question, or put it off"], ["?", "this list"],
];

export const showKeys = () => tell("Keys", h("div", { class: "keys" }, ...KEYS.flatMap(([key, text]) => [h("kbd", null, key), h("span", null, text)])),
  h("p", { class: "small soft" }, "With a mouse: drag one person onto another to merge them."));

// `sections()`: names of the views in the order of the navigation.
export function startShortcuts(sections) {
  addEventListener("keydown", event => {
    if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const section = sections()[Number(event.key) - 1];
    if (section) location.hash = `#/${section}`;
    else if (event.key === "/") find();
    else if (event.key === "r") toggleReplay();
    else if (event.key === "d") toggleTheme();
    else if (event.key === "?") showKeys();
    else return;
    event.preventDefault();
  });
}

function find() {
  const focus = () => document.getElementById("search")?.focus();
  if (document.getElementById("search")) return focus();
  location.hash = "#/people";
  addEventListener("hashchange", () => setTimeout(focus), { once: true });
}
