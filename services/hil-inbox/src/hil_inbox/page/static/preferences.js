// What does this browser remember: theme, pane widths, drafts?
import {signal, effect} from "@preact/signals";

const known = new Map();

function stored(name, fallback) {
  try {
    return localStorage.getItem(`hil.${name}`) ?? fallback;
  } catch {
    return fallback; // Storage is forbidden: nothing is remembered, all works.
  }
}

export function remember(name, value) {
  try {
    if (value === "" || value === null) localStorage.removeItem(`hil.${name}`);
    else localStorage.setItem(`hil.${name}`, value);
  } catch {
    // Full or forbidden: the page goes on without.
  }
}

/** A signal that this browser remembers. */
export function preference(name, fallback = "") {
  if (!known.has(name)) {
    const kept = signal(stored(name, fallback));
    let first = true;
    effect(() => {
      const value = kept.value;
      if (!first) remember(name, value);
      first = false;
    });
    known.set(name, kept);
  }
  return known.get(name);
}

export const theme = preference("theme", "auto");
effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

/** What somebody began to write, by conversation and mode. Gone when sent. */
export const draftOf = (key, mode) => stored(`draft.${mode}.${key}`, "");
export const keepDraft = (key, mode, text) => remember(`draft.${mode}.${key}`, text);
