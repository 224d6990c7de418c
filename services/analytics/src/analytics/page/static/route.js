// Which view does an address name, of whom and over which period?
export const VIEWS = ["overview", "workflow", "slos", "cost", "handovers", "experiments", "evaluations", "kpis"];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const PERIODS = {"1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY};
export const BUCKETS = {minute: MINUTE, hour: HOUR, day: DAY};
const DEFAULT = "24h";
const NAME_MAX = 300;

/** What stands behind `#`; what makes no sense there is left out. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const asked = new URLSearchParams(query);
  const name = (key) => asked.get(key)?.slice(0, NAME_MAX) || null;
  const [from, to] = ["from", "to"].map((key) => Number(asked.get(key)));
  const is_fixed = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && from + MINUTE <= to;
  return {
    view: VIEWS.includes(path) ? path : VIEWS[0],
    period: Object.hasOwn(PERIODS, asked.get("period")) ? asked.get("period") : DEFAULT,
    from: is_fixed ? from : null,
    to: is_fixed ? to : null,
    tenant: name("tenant"),
    workflow: name("workflow"),
    item: name("item"),
  };
}

/** The parts of an item's name, to be put into a path; null if it is none of `wanted` parts. */
export function partsOf(item, wanted) {
  try {
    const parts = (item ?? "").split("/").map(decodeURIComponent);
    return parts.length === wanted && parts.every((part) => part && part !== "." && part !== "..") ? parts : null;
  } catch {
    return null; // A percent sign that stands for nothing.
  }
}
export const itemOf = (...parts) => parts.map(encodeURIComponent).join("/");

/** The address of a route; what is usual is not said. */
export function format({view, period, from, to, tenant, workflow, item}) {
  const asked = new URLSearchParams();
  if (from) {
    asked.set("from", from);
    asked.set("to", to);
  } else if (period !== DEFAULT) asked.set("period", period);
  for (const [key, value] of Object.entries({tenant, workflow, item})) if (value) asked.set(key, value);
  return asked.size ? `#/${view}?${asked}` : `#/${view}`;
}

/** The stretch of a route and how it is cut: whole buckets, so that the first is not cut short; `to` null is now. */
export function stretch(route, now) {
  const to = route.to ?? now;
  const long = route.from ? route.to - route.from : PERIODS[route.period];
  const bucket = long <= 6 * HOUR ? "minute" : long <= 10 * DAY ? "hour" : "day";
  const from = Math.floor((to - long) / BUCKETS[bucket]) * BUCKETS[bucket];
  return {from, to: route.to, bucket, before: {from: from - (to - from), to: from}};
}
