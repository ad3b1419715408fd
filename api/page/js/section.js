// A part of a view that asks the API by itself, and hides where the API does not have it.

import { askAgain, get, has, Refused } from "./api.js";
import { h, onChange } from "./dom.js";
import { moment } from "./state.js";

// `load(signal)` -> data; `draw(body, data)` whenever the data changed. `liveOnly`: the past has no answer to it.
// Returns { node, refresh() }.
export function section(title, { route, load, draw, scope, aside = null, liveOnly = false }) {
  const body = h("div", { class: "body" });
  const node = h("section", { class: "card", "aria-label": title, hidden: true }, h("div", { class: "head" }, h("h2", null, title), h("span", { class: "grow" }), aside), body);
  if (!has(route)) return { node, refresh: async () => {} };
  const changed = onChange(data => draw(body, data));
  let running = null, again = 0;
  const refresh = async () => {
    running?.abort();
    clearTimeout(again);
    if (liveOnly && moment.get() !== null) return void (node.hidden = true);
    const mine = (running = new AbortController());
    try {
      const data = await load(mine.signal);
      if (scope.ended || mine.signal.aborted) return;
      node.hidden = data === null;
      if (data !== null) changed(data);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refused)) throw error; // a defect of ours: to be seen
      // Gone in the past, or not offered: no section. Away: what was drawn stays.
      if (error.status === 404 || error.status === 501) node.hidden = true;
      else if (!scope.ended) again = askAgain(error, refresh);
    }
  };
  scope.onEnd(() => {
    running?.abort();
    clearTimeout(again);
  });
  scope.onEnd(moment.listen(() => refresh()));
  refresh();
  return { node, refresh };
}

export const reads = (path, query) => signal => get(path, typeof query === "function" ? query() : query, signal);

export function nothingYet(body, title, text) {
  body.replaceChildren(h("div", { class: "empty" }, h("strong", null, title), text));
}
