// Times, durations, scores and names as people read them.

const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

// RFC 3339 or ms since the epoch -> ms.
export const ms = value => (typeof value === "number" ? value : Date.parse(value));

export const clock = value => clockTime.format(ms(value));
export const wholeTime = value => whole.format(ms(value));

// The time of day for the last 20 hours, else the day too.
export function when(value, now = Date.now()) {
  return Math.abs(now - ms(value)) < 20 * 3600e3 ? clock(value) : dayTime.format(ms(value));
}

// "now", "12 s", "4 min", "3 h", "2 d" of age.
export function ago(value, now) {
  const seconds = Math.max(0, (now - ms(value)) / 1000);
  return seconds < 2 ? "now" : `${duration(seconds * 1000)} ago`;
}

export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

// Names with numbers in them as people count: room2 before room10.
export const inOrder = (one, other) => one.localeCompare(other, undefined, { numeric: true });

export const score = value => (value === null || value === undefined ? "–" : value.toFixed(2));
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

// A hue for a person, the same everywhere and always; neighbours in the order of registration differ most
// (steps of the golden angle).
export function hue(id) {
  const number = id.match(/_(\d+)$/);
  if (number) return Math.round((Number(number[1]) * 137.508 + 220) % 360);
  let hash = 2166136261;
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 16777619) >>> 0;
  return hash % 360;
}

// "Visitor-AB" -> "AB", "Night nurse" -> "NN".
export function initials(label) {
  const visitor = label.match(/^Visitor-([A-Z]{1,3})\b/);
  if (visitor) return visitor[1];
  return label.split(/\s+/).filter(Boolean).slice(0, 2).map(word => word[0].toUpperCase()).join("");
}
