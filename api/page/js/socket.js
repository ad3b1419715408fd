// The WebSocket: connects again by itself, waiting longer each time, and says so.

import { deaf, heard, refreshAll, refreshCounts } from "./data.js";
import { connection } from "./state.js";

const FIRST_MS = 500, LAST_MS = 15_000;

let wait = FIRST_MS, socket = null, before = false;

export function connect() {
  connection.set({ state: "connecting", retryIn: 0 });
  socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
  socket.onopen = () => {
    wait = FIRST_MS;
    connection.set({ state: "live", retryIn: 0 });
    // The first time all is asked for already; what changed meanwhile, the mappings that come now tell.
    if (before) refreshAll();
    else refreshCounts();
    before = true;
  };
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === "person_labels") heard(message.camera_id, message.person_labels);
    if (message.type === "alerts") refreshCounts();
  };
  socket.onclose = lost;
}

function lost() {
  connection.set({ state: "lost", retryIn: wait });
  setTimeout(connect, wait * (0.8 + 0.4 * Math.random())); // not all pages at once
  wait = Math.min(wait * 2, LAST_MS);
}

// A phone that slept, or changed its network, may keep a connection that nobody ended and that tells nothing.
deaf.listen(() => {
  if (connection.get().state !== "live") return;
  socket.onmessage = socket.onclose = null; // its end may be told a minute later
  socket.close();
  lost();
});
