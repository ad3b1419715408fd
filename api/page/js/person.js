// One person: who it is, where it was, what it looks like, who is like it, and why it is who it is.

import { get, Refused } from "./api.js";
import { forget, mergeChosen, rename } from "./commands.js";
import { h, keyed, onChange, setText } from "./dom.js";
import { draggable } from "./dragging.js";
import { ago, wholeTime } from "./format.js";
import { alike } from "./alike.js";
import { attributeChips, changesOf } from "./attributes.js";
import { cropStrip } from "./crops.js";
import { historySection } from "./history.js";
import { icon } from "./icons.js";
import { journeySection } from "./journey.js";
import { personLink } from "./person_link.js";
import { portrait } from "./portrait.js";
import { may, moment, people, personOf } from "./state.js";

export const personView = {
  title: "Person",
  open(root, scope, id) {
    const side = h("div", { class: "side" });
    const gone = h("div", { class: "card empty", hidden: true });
    const parts = [cropStrip(id, scope), journeySection(id, scope), changesOf(id, scope), alike(id, scope), historySection(id, scope)];
    root.append(h("p", { class: "heading" }, h("a", { class: "button quiet", href: "#/people" }, icon("back"), "People")), gone,
      h("div", { class: "profile" }, side, h("div", { class: "stack" }, ...parts.map(part => part.node))));
    const card = identity(id);
    side.append(card.node);
    const load = async () => {
      try {
        const found = await get(`/persons/${encodeURIComponent(id)}`);
        if (found.person_id !== id) throw new Refused(404, `no person ${id} in the gallery`); // a slash in an address is one to the API
        card.show(found);
        gone.hidden = true;
        side.hidden = false;
      } catch (error) {
        if (!(error instanceof Refused) || ![404, 422].includes(error.status)) return;
        gone.hidden = false;
        side.hidden = true;
        const into = await mergedInto(id);
        if (scope.ended) return;
        gone.replaceChildren(...(into
          ? [h("strong", null, `${into.label || id} is ${into.other_label || into.other_id} now`), personLink({ person_id: into.other_id, label: into.other_label || into.other_id }, 28, { still: true })]
          : [h("strong", null, moment.get() === null ? "Not in the gallery" : "Not known at that moment"), error.message]));
      }
    };
    let before = "";
    const follow = () => {
      const known = personOf(id);
      const now = JSON.stringify([known, moment.get()]);
      if (now === before) return;
      before = now;
      if (known || people.get().length) load();
      if (moment.get() === null) parts.forEach(part => part.refresh());
    };
    scope.watch([people, moment], follow);
    load();
    addEventListener("keydown", scope.keys = event => keys(event, id));
    scope.onEnd(() => removeEventListener("keydown", scope.keys));
  },
};

// The step by which somebody who is not there became a part of another; undefined where that is not how it ended.
async function mergedInto(id) {
  try {
    const { steps } = await get(`/persons/${encodeURIComponent(id)}/history`, { limit: 1 });
    return steps.findLast(step => step.kind === "merged_into");
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function identity(id) {
  const name = h("h1");
  const here = h("span", { class: "chip" });
  const chips = h("div", { class: "chips" });
  const facts = h("dl", { class: "facts" });
  const looks = h("div", { class: "chips" });
  const buttons = h("div", { class: "chips" });
  const face = h("div");
  const node = h("section", { class: "card identity", "aria-label": "Identity", data: { id } }, face, name, here, looks, buttons, facts, chips);
  draggable(node, () => id);
  const showFace = onChange(label => face.replaceChildren(portrait({ person_id: id, label }, 112, { tall: true })));
  return {
    node,
    show(person) {
      showFace(person.label);
      setText(name, person.label);
      document.title = `${person.label} · SafeRoom`;
      here.className = person.current_camera ? "chip here" : "chip";
      setText(here, person.current_camera ? `now at ${person.current_camera}` : `last seen ${ago(person.last_seen, moment.get() ?? Date.now())}`);
      keyed(chips, person.cameras.map(camera => ({ camera })), one => one.camera, one => h("span", { class: "chip" }, one.camera));
      looks.replaceChildren(...attributeChips(person.attributes));
      looks.hidden = !looks.childElementCount;
      buttons.hidden = !may();
      if (!buttons.childElementCount) buttons.append(...actions(id));
      facts.replaceChildren(...[
        ["First seen", wholeTime(person.first_seen)], ["Last seen", wholeTime(person.last_seen)],
        ["Visits", String(person.visit_count)], ["Looks kept", String(person.num_embeddings)], ["Id", person.person_id],
      ].flatMap(([term, said]) => [h("dt", null, term), h("dd", { class: "number" }, said)]));
    },
  };
}

function actions(id) {
  const button = (text, run) => h("button", { type: "button", class: "button", onclick: () => { const person = personOf(id); if (person) run(person); } }, text);
  const gone = async person => (await forget(person)) && (location.hash = "#/people");
  return [button("Rename", rename), button("Merge …", mergeChosen), button("Forget", gone)];
}

function keys(event, id) {
  if (event.target.closest("input, textarea, select, dialog, li.row") || event.ctrlKey || event.metaKey || event.altKey || !may()) return;
  const person = personOf(id);
  if (person && event.key === "e") rename(person);
  else if (person && event.key === "m") mergeChosen(person);
  else return;
  event.preventDefault();
}
