// What does a key press do? Letters never act while a person writes.
import {tinykeys} from "tinykeys";
import {area, dialog, dispatch, list, me, open, outbox, pane, rows, state} from "./store.js";
import {VIEWS, compare} from "./order.js";
import {claim, letters, show, switchView, undo} from "./actions.js";
import {focusComposer, returned} from "./composer.js";
import {ROW_PX} from "./list.js";

const writing = (event) => event.target.closest?.("input, textarea, select, [contenteditable]") !== null;
/** A single letter: not while writing, not in a dialog, not when switched off. */
const letter = (run) => (event) => {
  if (writing(event) || dialog.value || letters.value !== "on" || area.value !== "inbox") return;
  event.preventDefault();
  run(event);
};
const asked = (name) => letter(() => {
  const row = rows.value.get(open.value?.id);
  if (row?.kind === "handover" && row.owner_id === me.value.actor_id && row.state !== "done") dialog.value = name;
});

export function startKeys() {
  tinykeys(window, {
    j: letter(() => step(1)), k: letter(() => step(-1)), ArrowDown: arrows(1), ArrowUp: arrows(-1), Home: arrows(-Infinity), End: arrows(Infinity),
    Enter: enter, c: letter((event) => claim(event.target.closest(".rows") ? list.value.cursor : (open.value?.id ?? list.value.cursor))), n: letter(mostUrgent),
    r: letter(() => focusComposer("reply")), i: letter(() => focusComposer("note")),
    "g a": letter(() => go("approvals")), "g m": letter(() => go("mine")), "g u": letter(() => go("unclaimed")),
    t: asked("transfer"), z: asked("snooze"), e: asked("resolve"), "Shift+E": asked("resolve"), b: asked("return"),
    a: letter(() => press("approve")), d: letter(() => press("edit")), x: letter(() => press("reject")),
    "/": letter(() => document.getElementById("search")?.focus()), "[Shift]+?": letter(() => { dialog.value = "help"; }),
    "$mod+k": (event) => { event.preventDefault(); dialog.value = "palette"; },
    "$mod+z": undoLast, Escape: back, F6: nextPane,
    ...Object.fromEntries(VIEWS.map((view, index) => [`Alt+Digit${index + 1}`, (event) => { event.preventDefault(); go(view); }])),
    "Alt+Digit7": (event) => { event.preventDefault(); area.value = "supervisor"; },
  }, {ignore: (event) => event.isComposing});
}

async function go(view) {
  area.value = "inbox";
  await switchView(view);
  focusRow(state.value.list.cursor);
}

function step(by) {
  const {order, cursor} = list.value;
  if (!order.length) return;
  const at = order.indexOf(cursor);
  const next = order[Math.max(0, Math.min(order.length - 1, by === Infinity ? order.length - 1 : by === -Infinity ? 0 : at + by))];
  dispatch({type: "cursor", id: next});
  focusRow(next);
}
const arrows = (by) => (event) => {
  if (!event.target.closest?.(".rows")) return;
  event.preventDefault();
  step(by);
};

/** Bring a row into the window of the list, then give it the focus. */
export function focusRow(id) {
  const box = document.querySelector(".rows");
  const at = list.value.order.indexOf(id);
  if (!box || at < 0) return;
  const top = at * ROW_PX;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_PX - box.clientHeight;
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(`[data-row="${CSS.escape(id)}"]`)?.focus()));
}

function enter(event) {
  const row = event.target.closest?.("[data-row]");
  if (!row) return;
  event.preventDefault();
  show(row.dataset.row).then(() => document.getElementById("conversation")?.focus());
}

function mostUrgent() {
  const mine = [...rows.value.values()].filter((row) => row.state === "waiting" || (row.state === "assigned" && row.owner_id === me.value.actor_id));
  const first = mine.sort(compare).find((row) => row.id !== open.value?.id);
  if (first) show(first.id).then(() => document.getElementById("conversation")?.focus());
}

/** An approval that is off screen is first scrolled to; the second press decides. */
function press(id) {
  const button = document.getElementById(id);
  if (!button) return;
  const {top, bottom} = button.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) button.click();
  else button.scrollIntoView({block: "center"});
  button.focus?.();
}

async function undoLast(event) {
  const held = [...outbox.value].filter(([, one]) => one.state === "held").at(-1);
  if (!held || (writing(event) && event.target.value !== "")) return;
  event.preventDefault();
  const text = await undo(held[0]);
  if (text !== null) returned.value = {key: held[1].key, text};
}

function back(event) {
  if (dialog.value || event.defaultPrevented) return;
  if (event.target.id === "search") event.target.blur();
  else if (area.value === "supervisor") area.value = "inbox";
  pane.value = "list";
  focusRow(list.value.cursor);
}

function nextPane(event) {
  event.preventDefault();
  const panes = [...document.querySelectorAll("[data-pane]")].filter((one) => one.offsetParent !== null);
  const at = panes.findIndex((one) => one.contains(document.activeElement));
  const next = panes[(at + (event.shiftKey ? panes.length - 1 : 1)) % panes.length];
  if (next?.dataset.pane === "list" && list.value.cursor) focusRow(list.value.cursor);
  else (next?.querySelector("[aria-current=true]") ?? next)?.focus();
}
