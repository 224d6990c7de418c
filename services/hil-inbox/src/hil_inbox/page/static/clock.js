// How much time is left? As text, as a shape and as a colour; never by colour alone.
import {html, icon} from "./html.js";
import {nextClock} from "./order.js";
import {span, t} from "./i18n.js";

const SOON_MS = 5 * 60_000;

/** {level, text, long} of a row at a time. */
export function clockOf(row, nowMs) {
  if (row.state === "done") return {level: "done", text: t("clock.done"), long: t("clock.done")};
  if (row.state === "snoozed") {
    const left = span((row.snoozed_until_ms ?? nowMs) - nowMs);
    return {level: "paused", text: left, long: t("clock.snoozed", {left})};
  }
  const clock = nextClock(row);
  if (!clock) return {level: "none", text: span(nowMs - row.opened_ms), long: t("clock.waiting", {span: span(nowMs - row.opened_ms)})};
  const left = clock.due_ms - nowMs;
  const name = t(`clock.${clock.name}`);
  if (left < 0 || clock.state === "breached") return {level: "breached", text: t("clock.over", {span: span(left)}), long: t("clock.breached", {name, span: span(left)})};
  return {level: left < SOON_MS ? "soon" : "fine", text: span(left), long: t("clock.left", {name, span: span(left)})};
}

const SHAPES = {breached: "alert", soon: "hourglass", fine: "clock", paused: "moon", done: "check", none: "clock"};

export function SlaClock({row, nowMs}) {
  const {level, text, long} = clockOf(row, nowMs);
  return html`<span class=${`sla sla-${level}`} title=${long}>${icon(SHAPES[level])}<span aria-hidden="true">${text}</span><span class="unseen">${long}</span></span>`;
}
