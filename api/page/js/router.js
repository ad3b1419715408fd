// `#/view/argument?at=…`: which view is open, of what, and as of when.

import { moment } from "./state.js";
import { scope } from "./signal.js";
import { toast } from "./toast.js";

const LAST_MS = 253402300799999; // 9999-12-31, as the API

let now = null; // { scope, place }

export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  return { view: view || "live", argument: rest.map(decoded).join("/"), query: new URLSearchParams(query) };
}

// An address that lost its end on the way, in a mail, names nobody; the page opens all the same.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// ms since the epoch; null for a text that is none, or one that the API would not take.
const momentOf = text => (/^\d{1,15}$/.test(text) && Number(text) <= LAST_MS ? Number(text) : null);

// `views`: name -> { title, open(root, scope, argument) }.
export function startRouter(views, onOpen) {
  const follow = () => {
    const { view, argument, query } = place();
    const found = views[view] ? view : "live";
    if (query.has("at")) {
      const at = momentOf(query.get("at"));
      if (at === null) toast(`The address names no moment: ${query.get("at") || "at= is empty"}`, { kind: "bad" });
      else moment.set(at);
    }
    if (query.has("at")) writeMoment(moment.get());
    if (now?.place === `${found}/${argument}`) return;
    now?.scope.end();
    now = { scope: scope(), place: `${found}/${argument}` };
    const root = document.getElementById("main");
    root.replaceChildren();
    scrollTo(0, 0);
    document.title = `${views[found].title} · SafeRoom`;
    views[found].open(root, now.scope, argument);
    onOpen(found);
    if (moment.get() !== null) writeMoment(moment.get());
  };
  addEventListener("hashchange", follow);
  moment.listen(writeMoment);
  follow();
}

// The address can be given to somebody else: it opens the same moment.
function writeMoment(at) {
  const path = location.hash.split("?")[0] || "#/live";
  history.replaceState(null, "", at === null ? path : `${path}?at=${at}`);
}
