// The page, put together.

import { alertsView } from "./alerts.js";
import { askForKeyBy, get, has } from "./api.js";
import { refreshAll, refreshCameras, refreshReadiness } from "./data.js";
import { h, keyed, setText } from "./dom.js";
import { when } from "./format.js";
import { groupsView } from "./groups.js";
import { icon } from "./icons.js";
import { journeysView } from "./journeys.js";
import { live } from "./live.js";
import { askForKey, followSignOut, signOut } from "./login.js";
import { peopleList } from "./people.js";
import { personView } from "./person.js";
import { canReplay, startReplay, toggleReplay } from "./replay.js";
import { reviewView } from "./review.js";
import { startRouter } from "./router.js";
import { searchView } from "./search.js";
import { showKeys, startShortcuts } from "./shortcuts.js";
import { connect } from "./socket.js";
import { alertsOpen, connection, features, moment, reviewOpen, silence, site, trouble, unready, who } from "./state.js";
import { startTheme, toggleTheme } from "./theme.js";

const STATUS_MS = 5000, READY_MS = 10000;
const SECTIONS = [
  { name: "live", text: "Live", icon: "live" },
  { name: "people", text: "People", icon: "people" },
  { name: "journeys", text: "Journeys", icon: "journeys", route: "/journeys" },
  { name: "search", text: "Search", icon: "search", route: "/search" },
  { name: "groups", text: "Groups", icon: "groups", route: "/groups" },
  { name: "review", text: "Review", icon: "review", route: "/review", badge: reviewOpen, calm: true },
  { name: "alerts", text: "Alerts", icon: "alerts", route: "/alerts", badge: alertsOpen },
];
const VIEWS = {
  live, journeys: journeysView, search: searchView, groups: groupsView, review: reviewView, alerts: alertsView,
  people: { title: "People", open: (root, scope, id) => (id ? personView : peopleList).open(root, scope, id) },
};
const byId = id => document.getElementById(id);
const offered = () => SECTIONS.filter(section => !section.route || has(section.route));

function drawNav(open) {
  keyed(byId("nav"), offered(), one => one.name, one => h("a", { href: `#/${one.name}` }, icon(one.icon), h("span", null, one.text)), (node, one) => {
    if (one.name === open) node.setAttribute("aria-current", "page");
    else node.removeAttribute("aria-current");
    const n = one.badge?.get() ?? 0;
    let badge = node.querySelector(".badge");
    if (n && !badge) node.append((badge = h("span", { class: one.calm ? "badge calm" : "badge" })));
    if (!n) badge?.remove();
    else setText(badge, String(n));
  });
}

function drawTools() {
  const tool = (name, label, run) => h("button", { type: "button", class: "button quiet square", "aria-label": label, title: label, onclick: run }, icon(name));
  byId("tools").replaceChildren(canReplay() ? tool("replay", "Replay (r)", toggleReplay) : "", tool("help", "Keys (?)", showKeys), tool("theme", "Dark or light (d)", toggleTheme),
    who.get().auth === "on" ? tool("leave", `Sign out ${who.get().name} (${who.get().role})`, signOut) : "");
}

function drawConnection() {
  const pill = byId("connection"), { state, retryIn } = connection.get();
  const shown = moment.get() !== null ? "past" : state === "live" && notCurrent() ? "stale" : state;
  pill.dataset.state = shown;
  setText(pill, { past: "Replay", live: "Live", stale: "Out of date", connecting: "Connecting …", lost: retryIn < 2000 ? "Reconnecting …" : `Lost, retry in ${Math.round(retryIn / 1000)} s` }[shown]);
}

// What the page shows stands still, though the API is there. The reason.
const notCurrent = () => trouble.get() || (silence.get() && `No camera has reported since ${when(silence.get())}, and who is where is as of then: \`saferoom doctor\` says why.`) || unready.get();

function drawNotice() {
  const notice = byId("notice"), away = moment.get() === null ? notCurrent() : trouble.get();
  const open = who.get().auth === "off" && !sessionStorage.getItem("saferoom-open-seen") && has("/whoami");
  notice.hidden = !away && !open;
  notice.dataset.kind = away ? "bad" : "";
  setText(notice, away || (open ? "Anybody on this machine may use this page: no keys are set." : ""));
  if (open && !away) setTimeout(() => { sessionStorage.setItem("saferoom-open-seen", "1"); drawNotice(); }, 8000);
}

async function start() {
  startTheme();
  followSignOut();
  askForKeyBy(askForKey);
  features.set(new Set((await get("/page/routes.json", { at: null })).routes));
  if (has("/whoami")) who.set(await get("/whoami", { at: null }));
  drawTools();
  let open = "live";
  startRouter(VIEWS, name => drawNav((open = name)));
  for (const badge of [alertsOpen, reviewOpen]) badge.listen(() => drawNav(open));
  for (const one of [connection, moment, trouble, silence, unready]) one.listen(drawConnection);
  for (const one of [moment, trouble, silence, unready, who]) one.listen(drawNotice);
  site.listen(name => setText(byId("site"), name === "global" ? "" : name));
  startShortcuts(() => offered().map(section => section.name));
  drawNotice();
  connect();
  refreshAll();
  // The past does not change; it is asked again where it was away.
  setInterval(() => (moment.get() === null || trouble.get()) && refreshCameras(), STATUS_MS);
  setInterval(refreshReadiness, READY_MS);
  await startReplay();
}

start().catch(error => {
  trouble.set(error.message);
  drawNotice();
});
