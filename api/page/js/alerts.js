// What is unusual, with its evidence; acknowledged here.

import { send } from "./api.js";
import { refreshCounts } from "./data.js";
import { h, keyed } from "./dom.js";
import { duration, when } from "./format.js";
import { personLink } from "./person_link.js";
import { nothingYet, reads, section } from "./section.js";
import { alertsOpen, may } from "./state.js";
import { refusal, toast } from "./toast.js";

const SHOWN = 100; // alerts, and so many more by the button
const MOST = 1000; // that the API keeps

export const alertsView = {
  title: "Alerts",
  open(root, scope) {
    let state = "open", shown = SHOWN;
    const more = h("button", { type: "button", class: "button", hidden: true, onclick: () => { shown = Math.min(shown + SHOWN, MOST); list.refresh(); } }, "Show more");
    const choose = h("select", { class: "field", "aria-label": "Which alerts", onchange: () => { state = choose.value; shown = SHOWN; list.refresh(); } },
      ...[["open", "Open"], ["acknowledged", "Acknowledged"], ["all", "All"]].map(([value, text]) => h("option", { value }, text)));
    const list = section("Alerts", {
      route: "/alerts", scope, aside: choose, load: reads("/alerts", () => ({ state, limit: shown })),
      draw: (body, { alerts, next_cursor }) => {
        more.hidden = next_cursor === null || alerts.length >= MOST;
        if (!alerts.length) return nothingYet(body, state === "open" ? "Nothing unusual" : "No alert", "Rules for cameras, hours and persons stand in the alert rules file.");
        const row = body.ownerDocument.activeElement?.closest(".alert");
        const place = row ? [...body.children].indexOf(row) : -1;
        // A row stays while nothing of it changed, and the focus with it; after one that goes, the next has it.
        keyed(body, alerts, alert => JSON.stringify(alert), alert => rowOf(alert, list.refresh));
        if (place >= 0 && !row.isConnected) body.children[Math.min(place, body.children.length - 1)]?.querySelector("button, a")?.focus();
      },
    });
    root.append(h("div", { class: "heading" }, h("h1", null, "Alerts")), list.node, h("p", { class: "empty" }, more));
    scope.watch([alertsOpen], list.refresh);
    scope.every(10_000, list.refresh);
  },
};

function rowOf(alert, refresh) {
  const acknowledge = async () => {
    try {
      await send("POST", `/alerts/${encodeURIComponent(alert.alert_id)}/acknowledge`, {});
      toast(`Acknowledged: ${alert.rule}`);
    } catch (error) {
      refusal(error);
    }
    refreshCounts();
    refresh();
  };
  const lasted = alert.last_at > alert.opened_at ? `, for ${duration(alert.last_at - alert.opened_at)}` : "";
  return h("article", { class: "card alert", data: { alert: alert.alert_id, state: alert.state, kind: alert.kind, severity: alert.severity ?? "" } },
    h("div", null, h("h3", null, alert.message || alert.rule),
      h("p", { class: "small soft number" }, [`${when(alert.opened_at)}${lasted}`, alert.camera_id, alert.zone, alert.closed_at ? null : "goes on"].filter(Boolean).join(" · ")),
      h("p", { class: "chips" }, h("span", { class: "chip" }, alert.kind.replaceAll("_", " ")), h("span", { class: "chip" }, `rule ${alert.rule}`)),
      alert.person_id && personLink({ person_id: alert.person_id, label: alert.label || alert.person_id }, 26),
      h("p", { class: "evidence" }, evidence(alert.kind, alert.evidence))),
    alert.state === "open" && may() ? h("button", { type: "button", class: "button", onclick: acknowledge }, "Acknowledge") : h("span", { class: "small soft" }, alert.acknowledged_by ? `seen by ${alert.acknowledged_by}` : alert.state));
}

// What it came of, for people: times and lengths as such, where it was, and its place in the log.
function evidence(kind, given) {
  const amount = number => (kind === "unusual_count" ? `${number} persons an hour` : duration(number));
  const { cause, event_id, track, measured, limit, since, from_camera } = given;
  return [
    track && `track ${track.tracker_id} at ${track.camera_id}`,
    from_camera && `from ${from_camera}`,
    since && `since ${when(since)}`,
    measured && `measured ${amount(measured)}`,
    limit && `limit ${amount(limit)}`,
    `cause: ${cause}`,
    event_id && `event ${event_id}`,
  ].filter(Boolean).join(" · ");
}
