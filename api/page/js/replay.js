// The slider: the whole page as of any past moment.

import { get, has, settled } from "./api.js";
import { h } from "./dom.js";
import { clock } from "./format.js";
import { icon } from "./icons.js";
import { moment } from "./state.js";
import { toast } from "./toast.js";

const STEPS = 2000; // of the slider
const DRAG_MS = 125; // between two moments asked for while somebody drags, at least
const WAIT_MS = 400; // that the answers about one are waited for before the next is asked for
const PLAY_MS = 500;
const PLAY_WAIT_MS = 30_000;
const SPEEDS = [1, 10, 60, 600];
const dayOf = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric" });

let range = null; // { first_at, last_at, buckets: [{ at, events }] }
let playing = 0, speed = 10;
let wanted = null, asking = false; // the moment to be shown next; whether one is being asked about
const parts = {};

export const canReplay = () => has("/timeline");

export async function startReplay() {
  if (!canReplay()) return;
  moment.listen(draw);
  if (moment.get() !== null) await open(moment.get());
}

export async function toggleReplay() {
  if (moment.get() === null) await open();
  else live();
}

async function open(at) {
  try {
    range = await get("/timeline", { at: null });
  } catch (error) {
    moment.set(null);
    return toast(error.message, { kind: "bad" });
  }
  if (range.first_at === null) return toast("The log has no event yet");
  build();
  moment.set(at ?? range.last_at);
  draw();
  parts.slider.focus();
}

function live() {
  pause();
  wanted = null;
  moment.set(null);
}

function build() {
  const bar = document.getElementById("replay");
  parts.at = h("div", { class: "at number" });
  const most = Math.max(1, ...range.buckets.map(one => one.events));
  parts.bars = h("div", { class: "bars", "aria-hidden": "true" }, ...range.buckets.map(one => h("i", { vars: { "--share": one.events / most }, data: { at: one.at } })));
  parts.slider = h("input", { type: "range", min: "0", max: String(STEPS), step: "1", "aria-label": "Moment", oninput: () => soon(momentAt(Number(parts.slider.value))) });
  parts.play = h("button", { type: "button", class: "button square", "aria-label": "Play", onclick: () => (playing ? pause() : play()) }, icon("play"));
  const pace = h("select", { class: "field", "aria-label": "Speed", onchange: () => (speed = Number(pace.value)) }, ...SPEEDS.map(one => h("option", { value: String(one), selected: one === speed }, `${one}×`)));
  bar.replaceChildren(parts.at, h("div", { class: "track" }, parts.bars, parts.slider),
    h("div", { class: "buttons" }, parts.play, pace, h("button", { type: "button", class: "button primary", onclick: live, "aria-label": "Back to live" }, h("span", { class: "rest" }, "Back to"), "live")));
}

const momentAt = step => Math.round(range.first_at + ((range.last_at - range.first_at) * step) / STEPS);

// While the slider moves, one moment after another, not each: the first at once, the next when all about the one
// before is there. Where that takes long it is given up for the next; but not while it plays: nothing would be seen.
async function soon(at) {
  shownAt(at);
  wanted = at;
  if (asking) return;
  asking = true;
  try {
    while (wanted !== null) {
      const next = wanted;
      wanted = null;
      moment.set(next);
      await Promise.all([settled(playing ? PLAY_WAIT_MS : WAIT_MS), new Promise(done => setTimeout(done, DRAG_MS))]);
    }
  } finally {
    asking = false;
  }
}

function play() {
  parts.play.replaceChildren(icon("pause"));
  parts.play.setAttribute("aria-label", "Pause");
  playing = setInterval(() => {
    const next = (wanted ?? moment.get()) + PLAY_MS * speed;
    if (next >= range.last_at) pause();
    soon(Math.min(next, range.last_at));
  }, PLAY_MS);
}

function pause() {
  clearInterval(playing);
  playing = 0;
  parts.play?.replaceChildren(icon("play"));
  parts.play?.setAttribute("aria-label", "Play");
}

function draw() {
  const at = moment.get();
  document.getElementById("replay").hidden = at === null || !range;
  document.body.toggleAttribute("data-past", at !== null);
  if (at === null || !range) return;
  parts.slider.value = String(Math.round(((at - range.first_at) / Math.max(1, range.last_at - range.first_at)) * STEPS));
  shownAt(at);
}

function shownAt(at) {
  parts.at.replaceChildren(clock(at), h("small", null, dayOf.format(at)));
  parts.slider.setAttribute("aria-valuetext", clock(at));
  for (const bar of parts.bars.children) bar.classList.toggle("past", Number(bar.dataset.at) <= at);
}
