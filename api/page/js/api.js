// Every request goes through here: the moment that is looked at, and errors that say what to do. Who asks is
// told by a cookie that no script can read; it is got once, with a key.

import { moment, features } from "./state.js";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const AGAIN = 2000; // ms
// The API, or what it asks, is away or busy.
const passes = ({ status }) => status === 0 || status === 429 || (status >= 500 && status !== 501);

// Asks again a moment later what was refused of the past, where that may help: no news comes by which it would
// be asked for again. The timer.
export const askAgain = (refused, ask) => (moment.get() !== null && passes(refused) ? setTimeout(ask, AGAIN) : 0);

let keyAsked = null;

// `ask()` opens the dialog for a key and resolves to it.
export function askForKeyBy(ask) {
  keyAsked = ask;
}

// Whether the API has this route: so that a page asks for nothing that is not there.
export const has = route => features.get().has(route);

export async function get(path, query = {}, signal = undefined) {
  const given = atThen(query), past = given !== query;
  if (past) open++;
  try {
    return await whole((await ask("GET", withQuery(path, given), undefined, signal)).json());
  } finally {
    if (past && --open === 0) for (const told of waiting.splice(0)) told();
  }
}

let open = 0; // requests as of the moment shown that are not answered yet
const waiting = [];

// Resolves once all that was asked as of the moment shown is answered, or after `most` ms.
export const settled = most => new Promise(done => {
  if (!open) return done();
  waiting.push(done);
  setTimeout(done, most);
});

// A file as an object URL; null where there is none (204). The caller revokes it. Nothing but `/cameras/…/frame`
// depends on the moment: crops are named by their content.
export async function picture(path, signal = undefined) {
  const answer = await ask("GET", path, undefined, signal);
  if (answer.status === 204) return null;
  return { url: URL.createObjectURL(await whole(answer.blob())), headers: answer.headers };
}

const PENDING = "Taken, but not carried out yet: the site is busy, or what decides is away. It is done as soon as that can be.";

// The body of the answer. Raises `Refused`, with the API's own words, when it does not do it, or has not yet.
export async function send(method, path, body) {
  const answer = await ask(method, path, body);
  if (answer.status === 202) throw new Refused(202, PENDING);
  return answer.status === 204 ? null : whole(answer.json());
}

function atThen(query) {
  const at = moment.get();
  return at === null || "at" in query ? query : { ...query, at };
}

export function withQuery(path, query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path;
}

const away = error => (error.name === "AbortError" ? error : new Refused(0, "The API is away. It is asked again by itself."));

// An answer may also end in the middle, when the API does.
const whole = reading => reading.catch(error => { throw away(error); });

async function ask(method, path, body, signal, key) {
  const headers = { "X-Asked-By": "page" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    throw away(error);
  }
  if (answer.status === 401 && keyAsked && !key) {
    await signedIn();
    return ask(method, path, body, signal);
  }
  if (!answer.ok) throw new Refused(answer.status, await words(answer));
  return answer;
}

let signing = null, declined = false;

// Several requests are refused at once; the dialog opens once.
function signedIn() {
  signing ??= (async () => {
    for (;;) {
      const key = declined ? null : await keyAsked();
      declined = key === null; // or the next look at the cameras, seconds later, would ask once more
      if (declined) throw new Refused(401, "Not signed in: load the page again to do so.");
      try {
        await ask("POST", "/session", undefined, undefined, key);
        return;
      } catch (error) {
        if (error.status !== 401) throw error;
      }
    }
  })().finally(() => (signing = null));
  return signing;
}

async function words(answer) {
  try {
    const { detail, reasons } = await answer.json();
    return typeof detail === "string" ? detail : (reasons ?? detail.map(one => one.msg)).join("; ");
  } catch {
    return `the API answers ${answer.status}`;
  }
}
