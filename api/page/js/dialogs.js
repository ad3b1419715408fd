// Questions in a <dialog>: each returns a promise of the answer, null when it was cancelled.

import { h } from "./dom.js";
import { portrait } from "./portrait.js";
import { people } from "./state.js";

function ask(title, parts, buttons, answerOf) {
  return new Promise(resolve => {
    const form = h("form", { method: "dialog", "aria-label": title }, h("h2", null, title), ...parts, h("div", { class: "buttons" }, ...buttons));
    const dialog = h("dialog", { "aria-label": title }, form);
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue;
      dialog.remove();
      resolve(answer && answer !== "cancel" ? answerOf(answer) : null);
    });
    dialog.addEventListener("click", event => event.target === dialog && dialog.close("cancel"));
    document.body.append(dialog);
    dialog.showModal();
  });
}

// No submit button: Enter in a field takes the first of those.
const cancel = () => h("button", { type: "button", class: "button", onclick: event => event.target.closest("dialog").close("cancel") }, "Cancel");
const accept = (text, danger) => h("button", { class: `button ${danger ? "danger" : "primary"}`, value: "yes" }, text);

export const confirm = ({ title, text, action, danger, parts = [] }) =>
  ask(title, [...parts, text && h("p", { class: "soft" }, text)].filter(Boolean), [cancel(), accept(action, danger)], () => true);

export function prompt({ title, label, value, action, type = "text", hint = "", most = 200 }) {
  const input = h("input", { class: "field", type, name: "value", value, required: true, maxlength: String(most), autocomplete: "off", autofocus: true });
  const parts = [h("label", null, h("span", { class: "hidden-label" }, label), input), hint && h("p", { class: "small soft" }, hint)];
  return ask(title, parts.filter(Boolean), [cancel(), accept(action)], () => input.value.trim());
}

// A person out of the list, found by typing.
export function pickPerson({ title, except = [] }) {
  const list = h("div", { class: "choices" });
  const input = h("input", { class: "field", type: "search", placeholder: "Name or id", "aria-label": "Name or id", autofocus: true });
  const known = people.get().filter(person => !except.includes(person.person_id));
  const show = () => {
    const words = input.value.trim().toLowerCase();
    const found = known.filter(one => `${one.label} ${one.person_id}`.toLowerCase().includes(words)).slice(0, 30);
    list.replaceChildren(...found.map(one => h("button", { value: one.person_id }, portrait(one, 30), h("span", null, one.label),
      h("span", { class: "grow" }), h("span", { class: "small soft" }, one.current_camera ?? ""))));
    if (!found.length) list.append(h("p", { class: "soft" }, "Nobody of that name."));
  };
  input.addEventListener("input", show);
  show();
  return ask(title, [input, list], [cancel()], id => known.find(one => one.person_id === id));
}

export function tell(title, ...parts) {
  return ask(title, parts, [h("button", { class: "button", value: "cancel" }, "Close")], () => null);
}
