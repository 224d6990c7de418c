// Which rows does a view show, and in which order?

export const NEVER_MS = 9007199254740991;
export const VIEWS = ["mine", "unclaimed", "approvals", "teams", "snoozed", "resolved"];

/** Whether a row belongs to one of the six views of this person. */
export function belongs(row, view, me) {
  switch (view) {
    case "mine":
      return row.kind === "handover" && row.state === "assigned" && row.owner_id === me.actor_id;
    case "unclaimed":
      return row.kind === "handover" && row.state === "waiting";
    case "approvals":
      return row.kind === "approval" && row.state === "waiting";
    case "teams":
      return row.state !== "done" && row.state !== "snoozed" && row.team !== null && me.teams.includes(row.team);
    case "snoozed":
      return row.state === "snoozed";
    case "resolved":
      return row.state === "done";
    default:
      return false;
  }
}

/** Whether a row passes the filters, all of which must hold. */
export function passes(row, filters) {
  if (filters.queue && row.queue !== filters.queue) return false;
  if (filters.priority && row.priority !== filters.priority) return false;
  if (filters.reason && row.reason !== filters.reason) return false;
  if (!filters.text) return true;
  const words = `${row.customer ?? ""} ${row.ask} ${row.last_text} ${row.key} ${row.tool ?? ""}`.toLowerCase();
  return filters.text.toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

/** What is due first comes first; a breach is the most overdue. Done rows: newest first. */
export function compare(a, b) {
  if (a.state === "done" && b.state === "done") return (b.closed_ms ?? 0) - (a.closed_ms ?? 0) || order(a.id, b.id);
  return a.due_ms - b.due_ms || a.rank - b.rank || a.opened_ms - b.opened_ms || order(a.id, b.id);
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** The ids that a list shows, in order. */
export function sorted(rows, list, me) {
  const shown = [];
  for (const row of rows.values()) if (belongs(row, list.view, me) && passes(row, list.filters)) shown.push(row);
  return shown.sort(compare).map((row) => row.id);
}

/** How many rows each view holds. */
export function counted(rows, me) {
  const counts = Object.fromEntries(VIEWS.map((view) => [view, 0]));
  for (const row of rows.values()) for (const view of VIEWS) if (belongs(row, view, me)) counts[view] += 1;
  return counts;
}

/** The counts after some rows changed: pairs of what a row was, if it was there, and what it is. */
export function recounted(counts, pairs, me) {
  const next = {...counts};
  for (const [was, is] of pairs) for (const view of VIEWS) next[view] += belongs(is, view, me) - (was !== undefined && belongs(was, view, me));
  return VIEWS.every((view) => next[view] === counts[view]) ? counts : next;
}

/** The order after some rows changed: each is taken out and put where it belongs now. Sorting 5,000 anew costs a frame. */
export function moved(order, rows, ids, fits) {
  const kept = order.some((id) => ids.has(id)) ? order.filter((id) => !ids.has(id)) : order;
  const added = [...ids].map((id) => rows.get(id)).filter(fits);
  if (!added.length) return kept;
  const next = [...kept];
  for (const row of added) next.splice(place(next, rows, row), 0, row.id);
  return next;
}

function place(ids, rows, row) {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(rows.get(ids[middle]), row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The running clock that is due next, with its name; a breached one before all others. */
export function nextClock(row) {
  const live = Object.entries(row.clocks ?? {}).filter(([, clock]) => clock.state === "running" || clock.state === "breached");
  live.sort(([, a], [, b]) => (a.state === "breached" ? 0 : 1) - (b.state === "breached" ? 0 : 1) || a.due_ms - b.due_ms);
  if (live.length) return {name: live[0][0], ...live[0][1]};
  if (row.kind === "approval" && row.due_ms < NEVER_MS) return {name: "expiry", due_ms: row.due_ms, state: "running"};
  return null;
}
