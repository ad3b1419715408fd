// Why a person is who it is, step by step, newest first; what can be undone has its button here.

import { reject, unmerge } from "./commands.js";
import { h } from "./dom.js";
import { score, when, wholeTime } from "./format.js";
import { reads, section } from "./section.js";
import { may, personOf } from "./state.js";

const PAGE = 40;
const PLAIN = new Set(["sampled", "seen"]); // many, and each says little

export function historySection(id, scope) {
  let all = false;
  let wanted = PAGE;
  const path = `/persons/${encodeURIComponent(id)}/history`;
  const toggle = h("label", { class: "check small" }, h("input", { type: "checkbox", onchange: event => { all = event.target.checked; made.refresh(); } }), "every sighting");
  const made = section("History", {
    route: "/persons/{person_id}/history", scope, aside: toggle,
    load: async signal => {
      const steps = []; // newest first
      let before;
      const shown = () => steps.filter(step => all || !PLAIN.has(step.kind));
      do {
        const answer = await reads(path, { limit: 400, before })(signal);
        steps.push(...answer.steps.reverse());
        before = answer.next_before;
      } while (before && shown().length <= wanted);
      return { shown: shown().slice(0, wanted), undone: undone(steps), more: shown().length > wanted, changeable: may() && Boolean(personOf(id)) && !gone(id, steps) };
    },
    draw: (body, { shown, undone, more, changeable }) => {
      body.replaceChildren(h("ol", { class: "steps" }, ...shown.map(step => item(id, step, changeable ? undone : null))),
        more ? h("button", { type: "button", class: "button quiet", onclick: older }, "Older steps") : "");
    },
  });
  function older() {
    wanted += PAGE;
    made.refresh();
  }
  return made;
}

// Whom a merge was undone of -> where in the log, the last time.
const undone = steps => Object.fromEntries(steps.filter(step => step.kind === "merge_undone").reverse().map(step => [step.other_id, step.offset]));

// Whether the person is part of another now: the list of people hears of it later than the history.
const gone = (id, steps) => steps.find(step => step.person_id === id && (step.kind === "merged_into" || step.kind === "merge_undone"))?.kind === "merged_into";

function item(id, step, undone) {
  const [text, detail] = told(step);
  return h("li", { data: { kind: step.kind } }, h("time", { title: wholeTime(step.at) }, when(step.at)), h("div", null, h("p", null, text), detail && h("p", { class: "number" }, detail)), undo(id, step, undone));
}

// Who was erased since is not named.
const other = step => step.other_label || step.other_id || "somebody forgotten";

const TOLD = {
  registered: s => `Registered as ${s.label} at ${s.track?.camera_id ?? "import"}`,
  bound: s => `Recognised at ${s.track.camera_id}, track ${s.track.tracker_id}`,
  seen: s => `Seen at ${s.track.camera_id}`,
  sampled: s => `A look at ${s.track.camera_id}, track ${s.track.tracker_id}`,
  left: s => `Left ${s.track.camera_id}`,
  merged: s => `Merged with ${other(s)}`,
  merged_into: s => `Merged into ${other(s)}`,
  merge_undone: s => `Merge with ${other(s)} undone`,
  tracks_moved: s => `Tracks moved to ${other(s)}`,
  track_rejected: s => `Track ${s.tracks?.[0]?.tracker_id ?? s.track?.tracker_id ?? ""} was not this person`,
  appearance_changed: s => `Looks different: ${s.attribute ?? "appearance"} ${s.before ? `${s.before} → ` : ""}${s.after ?? ""}`,
  template_removed: () => "A look that fitted none of the others was taken out",
  suggested: s => `May be ${other(s)}, of another day`,
  renamed: s => `Renamed ${s.previous_label ? `from ${s.previous_label} ` : ""}to ${s.label}`,
};

function told(step) {
  const text = TOLD[step.kind]?.(step) ?? step.kind.replaceAll("_", " ");
  const parts = [];
  const made = step.decision;
  if (made && made.score != null) { // what a step does not tell is absent
    parts.push(`score ${score(made.score)}, needed ${score(made.threshold)}`);
    if (made.runner_up_score != null) parts.push(`next best ${score(made.runner_up_score)}`);
  } else if (step.score !== undefined) parts.push(`score ${score(step.score)}`);
  if (step.reason) parts.push(step.reason.replaceAll("_", " "));
  if (step.asked_by) parts.push(`asked by ${step.asked_by}`);
  if (step.merged_in) parts.push("before a merge");
  return [text, parts.join(" · ")];
}

function undo(id, step, undone) {
  if (!undone) return null; // of the past, or of somebody who is not there: nobody changes that
  const button = (text, run) => h("button", { type: "button", class: "button quiet", onclick: run }, text);
  if (step.kind === "merged" && step.other_id && step.person_id === id && (undone[step.other_id] ?? -1) < step.offset) {
    return button("Undo", () => unmerge(id, step.other_id, step.other_label));
  }
  if (step.kind === "bound" && !step.merged_in && step.track) {
    return button("Not this person", () => reject(personOf(id) ?? { person_id: id, label: step.label }, step.track));
  }
  return null;
}
