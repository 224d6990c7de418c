// What is known beside the conversation: the customer, facts with their source, clocks, what happened?
import {html, icon} from "./html.js";
import {now, open, pane, rows} from "./store.js";
import {eventText} from "./transcript.js";
import {span, t, timeOf, word} from "./i18n.js";

export function ContextPane() {
  const shown = open.value;
  if (!shown) return html`<aside class="pane context-pane" data-pane="context" aria-label=${t("pane.context")} tabindex="-1"></aside>`;
  const row = rows.value.get(shown.id);
  const packet = shown.handover?.packet;
  return html`<aside class="pane context-pane" data-pane="context" aria-label=${t("pane.context")} tabindex="-1">
    <button class="quiet back" onClick=${() => { pane.value = "conversation"; }}>${icon("left")}${t("back")}</button>
    <${Block} title=${t("context.customer")}><dl class="pairs">
      <${Pair} name=${t("context.name")} value=${row?.customer ?? packet?.entity} /><${Pair} name=${t("context.conversation")} value=${shown.key} />
      ${["channel", "language", "tier"].map((one) => html`<${Pair} name=${t(`context.${one}`)} value=${packet?.customer?.[one]} />`)}
      <${Pair} name=${t("context.queue")} value=${row?.queue} /><${Pair} name=${t("context.team")} value=${row?.team} />
      <${Pair} name=${t("context.priority")} value=${row && word("priority", row.priority)} />
      <${Pair} name=${t("context.skills")} value=${row?.skills?.join(", ")} /></dl></${Block}>
    ${row?.fallback && row.fallback !== "none" && html`<p class="warning">${icon("info")}${t(`fallback.${row.fallback}`)}</p>`}
    <${Clocks} row=${row} />
    <${Facts} facts=${factsOf(packet)} />
    <${Timeline} row=${row} /></aside>`;
}

const Block = ({title, children}) => html`<section class="block"><h3>${title}</h3>${children}</section>`;
const Pair = ({name, value}) => (value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : null);

function Clocks({row}) {
  const clocks = Object.entries(row?.clocks ?? {});
  if (!clocks.length) return null;
  return html`<${Block} title=${t("context.clocks")}><ul class="clocks">${clocks.map(([name, clock]) => {
    const over = clock.due_ms < now.value;
    const left = clock.state === "running" ? t(over ? "clock.over" : "clock.to_go", {span: span(clock.due_ms - now.value)}) : word("clock_state", clock.state);
    return html`<li class=${`clock-${clock.state}`}>${icon(clock.state === "breached" ? "alert" : clock.state === "met" ? "check" : "clock")}<span>${t(`clock.${name}`)}</span><span class="figure">${left}</span></li>`;
  })}</ul></${Block}>`;
}

/** With their sources where the packet has those. */
const factsOf = (packet) => (packet?.known_facts?.length ? Object.fromEntries(packet.known_facts.map((one) => [one.name, one])) : packet?.facts);

/** A fact is a plain value, or {value, source, confidence}. */
function Facts({facts}) {
  const all = Object.entries(facts ?? {});
  if (!all.length) return null;
  return html`<${Block} title=${t("context.facts")}><dl class="pairs">${all.map(([name, fact]) => {
    const full = fact !== null && typeof fact === "object" && "value" in fact ? fact : {value: fact};
    const value = typeof full.value === "object" ? JSON.stringify(full.value) : String(full.value);
    return html`<div><dt>${name.replaceAll("_", " ")}</dt><dd>${value}${full.source && html`<span class="muted small-text"> ${t("context.source", {source: full.source_id ?? word("author", full.source)})}</span>`}</dd></div>`;
  })}</dl></${Block}>`;
}

const OPENING = new Set(["handover.open", "approval.open"]);

/** How it began stands among the lines, unless those are older than the loaded ones. */
function Timeline({row}) {
  const events = open.value.lines.filter((line) => line.kind === "event");
  return html`<${Block} title=${t("context.timeline")}><ol class="timeline">
    ${row && !events.some((line) => OPENING.has(line.state)) && html`<li><time>${timeOf(row.opened_ms, now.value)}</time> ${t(row.kind === "approval" ? "context.asked" : "context.opened", {reason: word("reason", row.reason)})}</li>`}
    ${events.map((line) => html`<li key=${line.id}><time>${timeOf(line.at_ms, now.value)}</time> ${eventText(line)}</li>`)}</ol></${Block}>`;
}
