// Where is the page's state kept, and which parts of it do components watch?
import {computed, signal} from "@preact/signals";
import {initial, reduce} from "./reduce.js";

export const state = signal(initial);
export const dispatch = (event) => {
  state.value = reduce(state.value, event);
};

const part = (name) => computed(() => state.value[name]);
export const me = part("me");
export const rows = part("rows");
export const list = part("list");
export const open = part("open");
export const outbox = part("outbox");
export const feed = part("feed");
export const presence = part("presence");
export const notices = part("notices");
export const counts = part("counts");

/** How people are called by whom they work with; their id while that is not known. */
export const nameOf = (id) => presence.value.agents.find((one) => one.actor_id === id)?.name ?? id;

/** The wall clock of the server, once a second: countdowns and SLA clocks read it. */
export const skew = signal(0);
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now() + skew.value;
}, 1000);

/** Which dialog is open, which way to look at the page, and which pane a narrow screen shows. */
export const dialog = signal(null);
export const area = signal("inbox");
export const pane = signal("list");
export const online = signal(navigator.onLine);
addEventListener("online", () => { online.value = true; });
addEventListener("offline", () => { online.value = false; });

export const STALE_MS = 32_000; // Two missed heartbeats of 15 s, and a little.
/** live | connecting | reconnecting | stale | offline, as a word for people and a rule for buttons. */
export const connection = computed(() => {
  if (!online.value) return "offline";
  const {state: feedState, heartbeat_ms: beat} = feed.value;
  if (feedState === "live" && beat && now.value - skew.value - beat > STALE_MS) return "stale";
  return feedState;
});
/** Decisions need the truth: none while offline or on old data. */
export const canDecide = computed(() => connection.value === "live");

let spoken = 0;
export const spokenText = signal("");
export const alertText = signal("");
/** Say something to screen readers: politely, at most once a second; `urgently` interrupts. */
export function say(text) {
  const wait = Math.max(0, spoken + 1000 - Date.now());
  spoken = Date.now() + wait;
  setTimeout(() => { spokenText.value = text; }, wait);
}
export function sayUrgently(text) {
  alertText.value = "";
  setTimeout(() => { alertText.value = text; }, 50);
}

let notices_ = 0;
/** A message that goes away by itself, except for failures. */
export function notify(kind, text) {
  const id = ++notices_;
  dispatch({type: "notice", notice: {id, kind, text}});
  if (kind !== "error") setTimeout(() => dispatch({type: "notice_over", id}), 8000);
}
