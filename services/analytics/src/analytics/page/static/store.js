// What do the parts of the page share: address, time of the last count, connection, theme?
import {computed, effect, signal} from "@preact/signals";
import {format, parse, stretch} from "./route.js";

export const route = signal(parse(location.hash));

/** An address with these changes; leaving a view leaves its item behind. */
export const address = (changes) => format({...route.value, item: null, ...changes});
export const go = (changes) => { location.hash = address(changes); };

/** What is asked again: rises with every new count, and when the page is looked at again. */
export const count = signal({turn: 0, now: Date.now(), as_of_seq: null});
addEventListener("hashchange", () => {
  route.value = parse(location.hash);
  count.value = {...count.value, now: Date.now()}; // The last count may be long ago.
});
export const period = computed(() => stretch(route.value, count.value.now));
export const again = (as_of_seq) => {
  const {turn, as_of_seq: before} = count.value;
  count.value = {turn: turn + 1, now: Date.now(), as_of_seq: as_of_seq ?? before};
};

/** live | connecting | reconnecting | offline */
export const connection = signal("connecting");
export const signedOut = signal(false);
export const me = signal(null);
export const shownQuery = signal(null);
export const workflows = signal([]);

function stored(name, fallback) {
  try {
    return localStorage.getItem(name) ?? fallback;
  } catch {
    return fallback; // Storage is forbidden: nothing is remembered, all works.
  }
}
export const theme = signal(stored("hil.theme", "auto"));
effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem("hil.theme", theme.value);
  } catch {
    // As above.
  }
});
const darkens = matchMedia("(prefers-color-scheme: dark)");
const system = signal(darkens.matches);
darkens.addEventListener("change", () => { system.value = darkens.matches; });
/** Canvases do not follow styles by themselves. */
export const isDark = computed(() => (theme.value === "auto" ? system.value : theme.value === "dark"));
