// Does the page know the right things after each event?
import assert from "node:assert/strict";
import {test} from "node:test";
import {initial, reduce} from "../../../../services/hil-inbox/src/hil_inbox/page/static/reduce.js";
import {compare, counted, nextClock, sorted} from "../../../../services/hil-inbox/src/hil_inbox/page/static/order.js";

const ME = {actor_id: "bo", teams: ["retail"]};
const row = (id, more = {}) => ({
  id, kind: "handover", tenant: "acme", key: id, state: "waiting", owner_id: null, team: null, queue: "q", priority: "normal",
  rank: 2, due_ms: 100, opened_ms: 1, ask: "", last_text: "", clocks: {}, as_of_seq: 1, ...more,
});
const change = (seq, rows = [], more = {}) => ({seq, tenant: "acme", key: rows[0]?.key ?? "k", rows, lines: [], suggestions: [], conversation: null, ...more});
const play = (...events) => events.reduce(reduce, initial);
const began = (rows) => [{type: "me", me: ME}, {type: "snapshot", rows, as_of_seq: 10}];

test("what is due first stands first, a breach before all", () => {
  const state = play(...began([row("late", {due_ms: 500}), row("over", {due_ms: -5}), row("soon", {due_ms: 50})]));
  assert.deepEqual(state.list.order, ["over", "soon", "late"]);
});

test("of two that are due together the more urgent is first, then the older", () => {
  const rows = [row("b", {opened_ms: 2}), row("a", {opened_ms: 1}), row("u", {rank: 0, opened_ms: 9})];
  assert.deepEqual(rows.sort(compare).map((one) => one.id), ["u", "a", "b"]);
});

test("a change at or below the newest sequence is a repeat and changes nothing", () => {
  const state = play(...began([row("a")]));
  assert.equal(reduce(state, {type: "changes", changes: [change(10, [row("b")])]}), state);
});

test("an older version of a row never replaces a newer one", () => {
  const state = play(...began([row("a", {as_of_seq: 9, ask: "new"})]), {type: "changes", changes: [change(11, [row("a", {as_of_seq: 3, ask: "old"})])]});
  assert.equal(state.rows.get("a").ask, "new");
  assert.equal(state.seq, 11);
});

test("while somebody is in the list, new rows wait and nothing moves", () => {
  const held = play(...began([row("a")]), {type: "hold"}, {type: "changes", changes: [change(11, [row("first", {due_ms: -9, as_of_seq: 11})])]});
  assert.deepEqual(held.list.order, ["a"]);
  assert.deepEqual(held.list.fresh, ["first"]);
  assert.deepEqual(reduce(held, {type: "insert_fresh"}).list.order, ["first", "a"]);
});

test("a row that somebody took stays where it is while held, and leaves when let go", () => {
  const taken = row("a", {state: "assigned", owner_id: "ana", as_of_seq: 11});
  const held = play(...began([row("a"), row("b")]), {type: "hold"}, {type: "changes", changes: [change(11, [taken])]});
  assert.deepEqual(held.list.order, ["a", "b"]);
  assert.deepEqual(reduce(held, {type: "settle"}).list.order, ["b"]);
});

test("a new row that was taken before it was let in is not announced any more", () => {
  const came = play(...began([]), {type: "hold"}, {type: "changes", changes: [change(11, [row("a", {as_of_seq: 11})])]});
  const gone = reduce(came, {type: "changes", changes: [change(12, [row("a", {as_of_seq: 12, state: "assigned", owner_id: "ana"})])]});
  assert.deepEqual(gone.list.fresh, []);
});

test("after any changes order and counts are those of all rows", () => {
  let state = play(...began(Array.from({length: 40}, (_, n) => row(`r${n}`, {due_ms: (n * 37) % 100}))));
  const states = ["waiting", "assigned", "snoozed", "done"];
  for (let seq = 11; seq < 300; seq += 1) {
    const n = (seq * 7919) % 45;
    const changed = row(`r${n}`, {due_ms: (seq * 31) % 100, state: states[(seq * 13) % 4], owner_id: n % 2 ? "bo" : null, rank: seq % 4, as_of_seq: seq});
    state = reduce(state, {type: "changes", changes: [change(seq, [changed])]});
    assert.deepEqual(state.counts, counted(state.rows, ME));
    assert.deepEqual(state.list.order, sorted(state.rows, state.list, ME));
  }
});

test("counts are those of the rows", () => {
  const rows = [row("a"), row("b", {state: "assigned", owner_id: "bo"}), row("c", {kind: "approval"}), row("d", {state: "snoozed", owner_id: "bo"}), row("e", {team: "retail"})];
  const counts = counted(play(...began(rows)).rows, ME);
  assert.deepEqual(counts, {mine: 1, unclaimed: 2, approvals: 1, teams: 1, snoozed: 1, resolved: 0});
});

test("a reply leaves the outbox when the log says so, never before", () => {
  const waiting = play(...began([row("a")]), {type: "outbox", message_id: "m1", key: "acme/a", text: "hi", state: "held"});
  assert.equal(waiting.outbox.size, 1);
  const line = {id: "x", message_id: "m1", seq: 11, author: "human_agent", text: "hi"};
  assert.equal(reduce(waiting, {type: "changes", changes: [change(11, [row("a", {as_of_seq: 11})], {lines: [line]})]}).outbox.size, 0);
});

test("lines of the open conversation are each shown once, in the order of the log", () => {
  const line = (id, seq) => ({id, seq, author: "customer", text: id});
  const open = play(...began([row("a")]), {type: "open", id: "a", kind: "handover", tenant: "acme", key: "a"});
  const early = reduce(open, {type: "changes", changes: [change(12, [row("a", {as_of_seq: 12})], {lines: [line("l12", 12)]})]});
  const loaded = reduce(early, {type: "opened", id: "a", handover: {}, conversation: {}, lines: [line("l12", 12), line("l9", 9)]});
  assert.deepEqual(loaded.open.lines.map((one) => one.id), ["l9", "l12"]);
  assert.equal(loaded.open.unseen, 1);
});

test("documents of a conversation that is not open any more are not shown", () => {
  const state = play(...began([row("a"), row("b")]), {type: "open", id: "b", kind: "handover", tenant: "acme", key: "b"});
  assert.equal(reduce(state, {type: "opened", id: "a", handover: {}, lines: []}), state);
});

test("after a reset the snapshot counts, also where its sequence is lower", () => {
  assert.equal(play(...began([row("a")]), {type: "snapshot", rows: [], as_of_seq: 3}).seq, 3);
});

test("a breached clock is shown before one that is only due", () => {
  const clocks = {resolution: {due_ms: 1, state: "running"}, first_response: {due_ms: 5, state: "breached"}};
  assert.equal(nextClock(row("a", {clocks})).name, "first_response");
});

test("who types somewhere is known until their time is over", () => {
  const typing = {type: "typing", key: "a", actor_id: "ana", name: "Ana", until_ms: 20, at_ms: 10};
  const later = {type: "typing", key: "a", actor_id: "kim", name: "Kim", until_ms: 40, at_ms: 30};
  assert.deepEqual(Object.keys(play(typing, later).presence.typing.a), ["kim"]);
});
