// What does the page know after an event? Pure: no clock, no network, no document.
import {belongs, counted, moved, passes, recounted, sorted} from "./order.js";
import {reduceOpen} from "./reduce_open.js";

export const RING_MAX = 500;

export const initial = {
  me: null, // {actor_id, name, role, teams, status, load, capacity, csrf_token}
  rows: new Map(), // id -> row of the queue, as the newest change showed it
  loaded: false,
  resolvedLoaded: false,
  seq: 0, // the newest sequence that is applied
  counts: null, // how many rows each view holds
  list: {view: "unclaimed", filters: {}, order: [], fresh: [], held: false, cursor: null},
  open: null, // what the middle shows: see reduce_open.js
  outbox: new Map(), // message id -> {key, text, mode, state, until_ms, error}
  feed: {state: "connecting", heartbeat_ms: 0},
  presence: {agents: [], viewing: {}, typing: {}},
  notices: [], // toasts: {id, kind, text}
  reset: null,
  canned: [],
  views: [],
  queues: [],
};

/** The state after one event; parts that did not change keep their identity. */
export function reduce(state, event) {
  const known = HANDLERS[event.type];
  const next = known ? known(state, event) : state;
  return reduceOpen(next, event);
}

const HANDLERS = {
  me: (state, {me}) => refreshed(recount({...state, me})),
  snapshot: applySnapshot,
  more_rows: (state, {rows}) => refreshed(recount({...state, rows: merged(state.rows, rows)})),
  resolved_rows: (state, {rows}) => refreshed(recount({...state, rows: merged(state.rows, rows), resolvedLoaded: true})),
  changes: applyChanges,
  view: (state, {view, filters = {}}) => refreshed({...state, list: {...state.list, view, filters, cursor: null}}),
  filters: (state, {filters}) => refreshed({...state, list: {...state.list, filters}}),
  hold: (state) => ({...state, list: {...state.list, held: true}}),
  settle: (state) => refreshed({...state, list: {...state.list, held: false}}),
  insert_fresh: (state) => refreshed(state),
  drop: (state, {id}) => ({...state, list: {...state.list, order: state.list.order.filter((one) => one !== id)}}),
  cursor: (state, {id}) => ({...state, list: {...state.list, cursor: id}}),
  feed: (state, {state: connection}) => ({...state, feed: {...state.feed, state: connection}}),
  heartbeat: (state, {at_ms}) => ({...state, feed: {state: "live", heartbeat_ms: at_ms}}),
  reset: (state, {reason}) => ({...state, reset: reason}),
  agents: (state, {agents}) => ({...state, presence: {...state.presence, agents}}),
  queues: (state, {queues}) => ({...state, queues}),
  viewing: (state, event) => ({...state, presence: noticed(state.presence, "viewing", event)}),
  typing: (state, event) => ({...state, presence: noticed(state.presence, "typing", event)}),
  canned: (state, {canned}) => ({...state, canned}),
  views: (state, {views}) => ({...state, views}),
  notice: (state, {notice}) => ({...state, notices: [...state.notices.slice(-3), notice]}),
  notice_over: (state, {id}) => ({...state, notices: state.notices.filter((one) => one.id !== id)}),
  outbox: applyOutbox,
};

/** Who looks or types where, and until when that holds; what is over is forgotten on the way. */
function noticed(presence, what, {key, actor_id: id, name, until_ms, at_ms}) {
  const here = Object.fromEntries(Object.entries(presence[what][key] ?? {}).filter(([, one]) => one.until_ms > at_ms));
  return {...presence, [what]: {...presence[what], [key]: {...here, [id]: {name, until_ms}}}};
}

function applySnapshot(state, {rows, as_of_seq: seq}) {
  const next = {...state, rows: new Map(rows.map((row) => [row.id, row])), seq, loaded: true};
  return refreshed(recount({...next, resolvedLoaded: false}));
}

function merged(known, rows) {
  const next = new Map(known);
  for (const row of rows) if (isNewer(row, next.get(row.id))) next.set(row.id, row);
  return next;
}

const isNewer = (row, known) => !known || (row.as_of_seq ?? 0) >= (known.as_of_seq ?? 0);

/** Changes of the feed, in order. One at or below the newest applied sequence is a repeat. */
function applyChanges(state, {changes}) {
  const fresh = changes.filter((change) => change.seq > state.seq);
  if (!fresh.length) return state;
  const rows = new Map(state.rows);
  const touched = new Map(); // id -> what the row was
  for (const change of fresh) {
    for (const row of change.rows ?? []) {
      if (!isNewer(row, rows.get(row.id))) continue;
      rows.set(row.id, row);
      if (!touched.has(row.id)) touched.set(row.id, state.rows.get(row.id));
    }
  }
  const next = {...state, rows, seq: fresh.at(-1).seq, outbox: settledOutbox(state.outbox, fresh)};
  if (!touched.size || !state.me) return next;
  const pairs = [...touched].map(([id, was]) => [was, rows.get(id)]);
  return relisted({...next, counts: recounted(state.counts, pairs, state.me)}, new Set(touched.keys()));
}

/** While a person is in the list nothing moves: new rows wait to be let in, and rows that left stay, greyed. */
function relisted(state, touched) {
  const fits = (row) => belongs(row, state.list.view, state.me) && passes(row, state.list.filters);
  if (!state.list.held) return reordered(state, moved(state.list.order, state.rows, touched, fits));
  const shown = new Set(state.list.order);
  const fresh = new Set(state.list.fresh);
  for (const id of touched) {
    if (!shown.has(id) && fits(state.rows.get(id))) fresh.add(id);
    else fresh.delete(id);
  }
  return {...state, list: {...state.list, fresh: [...fresh]}};
}

const recount = (state) => (state.me ? {...state, counts: counted(state.rows, state.me)} : state);

const refreshed = (state) => (state.me ? reordered(state, sorted(state.rows, state.list, state.me)) : state);

function reordered(state, order) {
  const cursor = order.includes(state.list.cursor) ? state.list.cursor : (order[0] ?? null);
  return {...state, list: {...state.list, order, fresh: [], cursor}};
}

function applyOutbox(state, {message_id: id, ...changes}) {
  const outbox = new Map(state.outbox);
  if (changes.state === "gone") outbox.delete(id);
  else outbox.set(id, {...outbox.get(id), ...changes});
  return {...state, outbox};
}

/** A reply leaves the outbox when the log says what became of it, never before. */
function settledOutbox(outbox, changes) {
  const ended = changes.flatMap((change) => change.lines ?? []).map((line) => line.message_id ?? line.id);
  if (!ended.some((id) => outbox.has(id))) return outbox;
  const next = new Map(outbox);
  for (const id of ended) next.delete(id);
  return next;
}
