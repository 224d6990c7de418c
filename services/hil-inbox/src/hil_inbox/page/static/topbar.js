// Is what I see true now, am I available, and what is the queue like?
import {html, icon} from "./html.js";
import {useState} from "preact/hooks";
import {computed} from "@preact/signals";
import {connection, counts, dialog, feed, me, now, rows, skew} from "./store.js";
import {search, setStatus, show} from "./actions.js";
import {openConversation} from "./load.js";
import {passes} from "./order.js";
import {theme} from "./preferences.js";
import {span, t} from "./i18n.js";

export function TopBar() {
  return html`<header class="topbar"><a class="skip" href="#conversation">${t("skip")}</a>
    <span class="brand">${icon("inbox")}<b>${t("title")}</b></span><${Search} /><span class="grow"></span>
    <${Health} /><${Connection} /><${Status} />
    <button class="quiet square" aria-label=${t("theme.switch", {theme: t(`theme.${next()}`)})} title=${t("theme.switch", {theme: t(`theme.${next()}`)})} onClick=${() => { theme.value = next(); }}>${icon(theme.value === "dark" ? "moon" : theme.value === "light" ? "sun" : "half")}</button>
    <button class="quiet square" aria-label=${t("key.help")} title=${`${t("key.help")} (?)`} onClick=${() => { dialog.value = "help"; }}>${icon("help")}</button></header>`;
}
const next = () => ({auto: "dark", dark: "light", light: "auto"})[theme.value];

function Search() {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const close = () => { setText(""); setFound(null); };
  const find = async (value) => {
    setText(value);
    if (value.trim().length < 2) return setFound(null);
    const local = [...rows.value.values()].filter((row) => passes(row, {text: value})).slice(0, 8);
    setFound(local);
    const {hits} = await search(value).catch(() => ({hits: []})); // While it does not answer, the loaded rows are searched.
    const known = new Set(local.map((row) => row.key));
    const more = hits.filter((hit) => !known.has(hit.key));
    setFound([...local, ...more.map((hit) => ({id: hit.handover_id, key: hit.key, customer: hit.customer, ask: hit.last_text}))].slice(0, 12));
    return undefined;
  };
  return html`<div class="search"><label class="unseen" for="search">${t("search.label")}</label>${icon("search")}
    <input id="search" type="search" placeholder=${t("search.label")} value=${text} onInput=${(event) => find(event.target.value)} onKeyDown=${(event) => event.key === "Escape" && close()} autocomplete="off" />
    ${found && html`<ul class="found" aria-label=${t("search.found", {n: found.length})}>${found.length === 0 && html`<li class="muted">${t("search.none")}</li>`}
      ${found.map((row) => html`<li><button onClick=${() => { close(); row.id ? show(row.id) : openConversation(row.key); }}><b>${row.customer ?? row.key}</b> <span class="muted">${row.ask}</span></button></li>`)}</ul>`}</div>`;
}

/** Looked at once a second, not with each of many changes. */
const health = computed(() => {
  let [oldest, over] = [now.value, 0];
  for (const row of rows.peek().values()) {
    if (row.state !== "waiting" || row.kind !== "handover") continue;
    oldest = Math.min(oldest, row.opened_ms);
    if (isOver(row, now.value)) over += 1;
  }
  return {oldest, over};
});
const isOver = (row, at_ms) => Object.values(row.clocks ?? {}).some((clock) => clock.state === "breached" || (clock.state === "running" && clock.due_ms < at_ms));

/** Waiting, the oldest wait, and how many are over their time. */
function Health() {
  const {oldest, over} = health.value;
  return html`<span class="health">${t("health.waiting", {n: counts.value?.unclaimed ?? 0})}${oldest < now.value && html` <span class="muted">${t("health.oldest", {span: span(now.value - oldest)})}</span>`}
    ${over > 0 && html` <span class="over">${icon("alert")}${t("health.over", {n: over})}</span>`}</span>`;
}

function Connection() {
  const word = connection.value;
  const age = now.value - skew.value - feed.value.heartbeat_ms;
  const text = word === "stale" || (word === "reconnecting" && feed.value.heartbeat_ms) ? t(`feed.${word}_age`, {span: span(age)}) : t(`feed.${word}`);
  return html`<span class=${`connection connection-${word}`} role="status">${icon(word === "live" ? "live" : "alert")}${text}</span>`;
}

const STATES = ["online", "busy", "away"];

/** Who has not said that they are there is offline; nobody becomes that by choice. */
function Status() {
  const {status, capacity = 0, name} = me.value;
  return html`<label class="status"><span class="unseen">${t("status.label", {name: name ?? ""})}</span><span class=${`presence presence-${status}`} aria-hidden="true"></span>
    <select value=${status} onChange=${(event) => setStatus(event.target.value)}>${STATES.includes(status) ? null : html`<option value=${status} disabled>${t("status.offline")}</option>`}${STATES.map((one) => html`<option value=${one}>${t(`status.${one}`)}</option>`)}</select>
    <span class="figure" title=${t("status.load")}>${t("me.load", {n: counts.value?.mine ?? 0, max: capacity})}</span></label>`;
}
