// When does the page call a person: a browser notification, the tab's title, a sound if wanted?
import {counts, nameOf, say, sayUrgently} from "./store.js";
import {t, word} from "./i18n.js";
import {effect} from "@preact/signals";
import {preference} from "./preferences.js";

effect(() => {
  const mine = counts.value?.mine ?? 0;
  document.title = mine ? t("title.count", {n: mine}) : t("title");
});

/** What a change means for this person. A screen reader hears the same as a notification shows. */
export function announceChange(change, before, after) {
  for (const row of change.rows ?? []) {
    const was = before.rows.get(row.id);
    if (isNewlyMine(row, was, before.me)) call(t("notify.assigned", {ask: row.ask || row.key}), row);
    else if (!was && row.kind === "handover" && row.state === "waiting") call(t("notify.handover", {reason: word("reason", row.reason)}), row);
    else if (!was && row.kind === "approval" && row.state === "waiting") say(t("notify.approval", {ask: row.ask}));
    if (breachedMine(row, was, before.me)) sayUrgently(t("notify.breached", {ask: row.ask || row.key}));
    if (takenFromMe(row, was, before.me)) sayUrgently(t("notify.taken", {who: nameOf(row.owner_id) ?? t("nobody")}));
  }
  if (after.open?.unseen > (before.open?.unseen ?? 0)) say(t("notify.customer_wrote"));
}

const isNewlyMine = (row, was, who) => row.owner_id === who.actor_id && row.state === "assigned" && was?.owner_id !== who.actor_id;
const breachedMine = (row, was, who) =>
  row.owner_id === who.actor_id && hasBreach(row) && was !== undefined && !hasBreach(was);
const hasBreach = (row) => Object.values(row.clocks ?? {}).some((clock) => clock.state === "breached");
const takenFromMe = (row, was, who) => was?.owner_id === who.actor_id && row.owner_id !== who.actor_id && row.state !== "done";

function call(text, row) {
  say(text);
  if (document.hasFocus() || !("Notification" in window) || Notification.permission !== "granted") return;
  const note = new Notification(t("title"), {body: text, tag: row.id});
  note.onclick = () => { window.focus(); note.close(); };
  if (preference("sound").value === "on") beep();
}

function beep() {
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  tone.frequency.value = 660;
  tone.connect(audio.createGain()).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.15);
  tone.onended = () => audio.close();
}

export const canAsk = () => "Notification" in window && Notification.permission === "default";
export const askPermission = () => Notification.requestPermission();
