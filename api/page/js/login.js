// A key, where the API asks for one: shown once, it becomes a session that ends by itself, or by signing out.

import { send } from "./api.js";
import { prompt } from "./dialogs.js";
import { toast } from "./toast.js";

export const askForKey = () => prompt({
  title: "This site asks for a key", label: "API key or token", value: "", action: "Sign in", type: "password",
  hint: "Your operator makes one with: saferoom keys create. It is not kept in the browser; the session ends by itself.",
});

// The session is the browser's: its other tabs show people too.
const tabs = new BroadcastChannel("saferoom-session");

export function followSignOut() {
  tabs.onmessage = () => location.reload();
}

// Loaded anew, the page holds nothing of what was seen, has no WebSocket, and asks for a key.
export async function signOut() {
  try {
    await send("DELETE", "/session");
  } catch (error) {
    return toast(`Not signed out: ${error.message}`, { kind: "bad" });
  }
  tabs.postMessage("ended");
  location.reload();
}
