// A key, where the API asks for one: shown once, it becomes a session that ends by itself.

import { prompt } from "./dialogs.js";

export const askForKey = () => prompt({
  title: "This site asks for a key", label: "API key or token", value: "", action: "Sign in", type: "password",
  hint: "Your operator makes one with: saferoom keys create. It is not kept in the browser; the session ends by itself.",
});
