// `#/view/argument?at=…`: which view is open, of what, and as of when.

import { moment } from "./state.js";
import { scope } from "./signal.js";

let now = null; // { scope, place }

export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  return { view: view || "live", argument: rest.map(decodeURIComponent).join("/"), query: new URLSearchParams(query) };
}

// `views`: name -> { title, open(root, scope, argument) }.
export function startRouter(views, onOpen) {
  const follow = () => {
    const { view, argument, query } = place();
    const found = views[view] ? view : "live";
    if (query.has("at")) moment.set(Number(query.get("at")));
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
