// What a person looks like, in words: colours as swatches.

import { h } from "./dom.js";
import { when } from "./format.js";
import { reads, section } from "./section.js";

const COLOURS = {
  black: "#17181b", white: "#fafafa", grey: "#8b8f97", gray: "#8b8f97", red: "#c62828", orange: "#ef7d1a", yellow: "#f2c81f", green: "#2e8b46",
  blue: "#2962c9", navy: "#1c2f66", purple: "#7a3fa8", pink: "#e67fae", brown: "#7a4a2a", beige: "#d8c6a2", cyan: "#37b6c4", teal: "#1f8a86", dark: "#2a2d34", light: "#e6e8ec",
};
const SAID = { upper: "top", lower: "legs", pattern: "", height: "", bag: "bag" };

// `attributes`: { upper: "red", … }; a value may be { value, confidence }.
export function attributeChips(attributes) {
  return Object.entries(attributes ?? {}).map(([name, given]) => {
    const value = String(given?.value ?? given);
    const colour = COLOURS[value.toLowerCase()];
    const text = name === "bag" ? (value === "yes" ? "bag" : "no bag") : `${SAID[name] ?? name} ${value}`.trim();
    return h("span", { class: "chip", vars: colour ? { "--swatch": colour } : {} }, colour && h("span", { class: "swatch" }), text);
  });
}

// Changes over the day: from the history, where the log tells of them.
export function changesOf(id, scope) {
  return section("Appearance", {
    route: "/persons/{person_id}/history", scope,
    load: async signal => {
      const { steps } = await reads(`/persons/${encodeURIComponent(id)}/history`, { limit: 1000 })(signal);
      const found = steps.filter(step => step.kind === "appearance_changed" && step.before);
      return found.length ? found.reverse() : null;
    },
    draw: (body, steps) => body.replaceChildren(h("ul", { class: "steps" }, ...steps.map(step =>
      h("li", null, h("time", null, when(step.at)), h("div", { class: "chips" }, ...attributeChips({ [step.attribute]: step.before }), "→", ...attributeChips({ [step.attribute]: step.after })))))),
  });
}
