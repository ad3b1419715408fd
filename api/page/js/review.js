// Doubtful decisions, one at a time, the most useful first: yes, no, or later. What is answered trains the
// site's calibration.

import { has, send } from "./api.js";
import { refreshAll } from "./data.js";
import { h } from "./dom.js";
import { count, score, when } from "./format.js";
import { personLink } from "./person_link.js";
import { portrait } from "./portrait.js";
import { nothingYet, reads, section } from "./section.js";
import { may, moment, reviewOpen } from "./state.js";
import { refusal, toast } from "./toast.js";

const MOST = 500; // questions the API keeps
const ASKED = {
  small_margin: "Narrowly recognised: is this the same person?",
  automatic_merge: "Merged by itself: is this the same person?",
  suggested: "Nearly recognised: is this the same person?",
  automatic_split: "Taken apart by itself: is this the same person?",
  another_day: "Last seen on another day: is this the same person?",
};

export const reviewView = {
  title: "Review",
  open(root, scope) {
    let first = null, shown = null, aged = false;
    const later = new Set(); // put off until all others are answered or put off too
    const left = h("span", { class: "count number" });
    const choose = h("select", { class: "field", "aria-label": "Which questions", hidden: true, onchange: () => { aged = choose.value === "aged"; found.refresh(); } },
      h("option", { value: "open" }, "Open"), h("option", { value: "aged" }, "Older"));
    const found = section("Same person?", {
      route: "/review", scope, aside: choose, load: async signal => {
        const { items, total, aged: old } = await reads("/review", () => ({ aged: aged || null, limit: Math.min(1 + later.size, MOST) }))(signal);
        if (items.length && items.every(one => later.has(one.item_id))) later.clear();
        const item = items.find(one => !later.has(one.item_id)) ?? null;
        return { item, total, old, aged, faces: item ? await facesBefore(item, signal) : {} };
      },
      draw: (body, { item, total, old, aged, faces }) => {
        first = item;
        left.textContent = [total && `${count(total, "question")} ${aged ? "nobody answered in time" : "open"}`, old && !aged && `${old} older`].filter(Boolean).join(", ");
        choose.hidden = !old && !aged;
        choose.options[1].textContent = `Older (${old})`;
        if (!aged && moment.get() === null) reviewOpen.set((shown = total));
        if (item) return body.replaceChildren(question(item, faces, answer, putOff));
        nothingYet(body, "Nothing in doubt", old && !aged ? `${count(old, "question")} nobody answered in time: choose “Older” to see.` : "Narrow decisions and automatic merges come here to be answered.");
      },
    });
    const answer = async said => {
      const item = first;
      if (!item || !may()) return;
      try {
        await send("POST", `/review/${encodeURIComponent(item.item_id)}`, { answer: said });
        toast(said === "yes" ? `Confirmed: ${item.label}` : `Undone: ${item.label} and ${item.other_label ?? "the other"} are two persons`);
      } catch (error) {
        refusal(error);
      }
      refreshAll();
      found.refresh();
    };
    const putOff = () => {
      if (!first) return;
      later.add(first.item_id);
      found.refresh();
    };
    const keys = event => {
      if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey) return;
      if (event.key === "y") answer("yes");
      if (event.key === "n") answer("no");
      if (event.key === "s") putOff();
    };
    addEventListener("keydown", keys);
    scope.onEnd(() => removeEventListener("keydown", keys));
    root.append(h("div", { class: "heading" }, h("h1", null, "Review"), left), found.node);
    found.node.classList.add("question");
    scope.onEnd(reviewOpen.listen(total => void (total === shown || found.refresh())));
  },
};

// Whoever was taken into another has no pictures of its own any more: they are the other's, and name it. Nor has a
// track that was taken for somebody: they are that person's.
async function facesBefore(item, signal) {
  if (!["automatic_merge", "small_margin"].includes(item.kind) || !has("/persons/{person_id}/crops")) return {};
  const { crops } = await reads(`/persons/${encodeURIComponent(item.person_id)}/crops`)(signal);
  const face = is => crops.find(is)?.url ?? null;
  if (item.kind === "small_margin") {
    return { [item.track]: face(one => one.track === item.track), [item.person_id]: face(one => one.track !== item.track) };
  }
  return { [item.person_id]: face(one => one.person_id === item.person_id), [item.other_id]: face(one => one.person_id === item.other_id) };
}

// `faces`: of a merge, the picture of each as it was before; of a track, its own, and another of the person.
function question(item, faces, answer, putOff) {
  const other = item.other_id && { person_id: item.other_id, label: item.other_label ?? item.other_id };
  const person = { person_id: item.person_id, label: item.label };
  // Of a narrow match the question is whether the track shows the person; the other is only who came next.
  const narrow = item.kind === "small_margin";
  const two = narrow ? [sighting(item, faces), figure(person, faces)] : [figure(person, faces), other && figure(other, faces)];
  return h("div", { class: "stack", data: { item: item.item_id } },
    h("p", { class: "soft" }, `${ASKED[item.reason] ?? ASKED[item.kind] ?? "Is this the same person?"} ${item.camera_id ? `At ${item.camera_id}, ` : ""}${when(item.at)}.${item.other_last_seen ? ` ${other.label} was last seen ${when(item.other_last_seen)}.` : ""}`),
    h("div", { class: "both" }, two[0], two[1] && h("span", null, "same as"), two[1]),
    h("div", { class: "measure" }, ...measure("Score", item.score, item.threshold), ...measure(narrow && other ? `Next: ${other.label}` : "Next best", item.runner_up_score, item.threshold)),
    hangs(item),
    h("div", { class: "answers" },
      h("button", { type: "button", class: "button primary", disabled: !may(), onclick: () => answer("yes") }, "Yes, the same ", h("kbd", null, "y")),
      h("button", { type: "button", class: "button", disabled: !may(), onclick: () => answer("no") }, "No ", h("kbd", null, "n")),
      h("button", { type: "button", class: "button quiet", onclick: putOff }, "Not sure, ask me later ", h("kbd", null, "s"))));
}

// What hangs on the answer, and what comes after it.
function hangs({ visits, behind }) {
  const parts = [visits > 1 && `${count(visits, "visit")} hang on it`, behind > 0 && `${count(behind, "more question")} about these two`].filter(Boolean);
  return parts.length ? h("p", { class: "small soft" }, `${parts.join(" · ")}.`) : null;
}

// What the track showed, where a picture of it is kept.
function sighting(item, faces) {
  const track = { person_id: item.track, label: item.camera_id };
  return h("figure", null, portrait(track, 110, { tall: true, crop: faces[item.track] ?? null }), h("figcaption", { class: "soft" }, `${item.camera_id}, ${when(item.at)}`));
}

function figure(person, faces) {
  const crop = faces[person.person_id];
  return h("figure", null, portrait(person, 110, { tall: true, crop }), h("figcaption", null, personLink(person, 22, { still: true, crop })));
}

function measure(text, value, threshold) {
  if (value === null || value === undefined) return [];
  return [h("span", { class: "soft" }, text), h("div", { class: "bar" }, h("i", { class: value >= threshold ? "good" : "", vars: { "--share": value } }), h("b", { vars: { "--at": threshold } })), h("span", { class: "number" }, score(value))];
}
