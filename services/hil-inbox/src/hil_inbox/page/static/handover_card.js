// Why did this come to a person, what was tried, and what is still owed? Each line leads to its source.
import {html, icon} from "./html.js";
import {open} from "./store.js";
import {preference} from "./preferences.js";
import {t, word} from "./i18n.js";

const folded = preference("card_folded", "no");
const lines = (values) => values.filter((one) => one.text);

/** Scroll to what a line rests on, and give it the focus for a moment. */
export function jumpTo(id) {
  const target = document.getElementById(`line-${id}`) ?? document.getElementById(`call-${id}`);
  if (!target) return;
  const details = target.closest("details");
  if (details) details.open = true;
  target.scrollIntoView({block: "center"});
  target.focus();
}

export function HandoverCard() {
  const {handover} = open.value;
  const packet = handover?.packet;
  if (!packet) return null;
  const summary = packet.summary ?? [];
  const of = (isOpen) => lines(summary.filter((one) => (one.section === "open") === isOpen));
  const part = (name, values) => values.length > 0 && html`<div class="part"><dt>${t(`card.${name}`)}</dt><dd><ul>${values.map((one) => html`<${Line} ...${one} />`)}</ul></dd></div>`;
  return html`<section class="card handover-card" aria-label=${t("card.title")}>
    <header><h3>${t("card.title")}</h3>${packet.summary_is_machine_text && html`<span class="chip">${icon("bot")}${t("card.machine")}</span>`}<span class="grow"></span>
      <button class="quiet small" aria-expanded=${folded.value !== "yes"} onClick=${() => { folded.value = folded.value === "yes" ? "no" : "yes"; }}>${t(folded.value === "yes" ? "card.unfold" : "card.fold")}</button></header>
    ${folded.value !== "yes" && html`<dl>
      <div class="part"><dt>${t("card.why")}</dt><dd><strong>${word("reason", packet.reason)}</strong>${packet.detail && html` <span class="muted">${packet.detail}</span>`}</dd></div>
      ${packet.ask && html`<div class="part"><dt>${t("card.ask")}</dt><dd>${packet.ask}</dd></div>`}
      ${packet.decision_needed && html`<div class="part"><dt>${t("card.decide")}</dt><dd>${packet.decision_needed}</dd></div>`}
      ${packet.suggested_step && html`<div class="part"><dt>${t("card.step")}</dt><dd>${packet.suggested_step}</dd></div>`}
      ${part("open", of(true))}
      ${part("summary", of(false))}
      ${part("tried", (packet.actions ?? []).map(triedLine))}
      ${part("promises", lines(textLines(packet.promises)))}
    </dl>`}</section>`;
}

const textLines = (values) => (values ?? []).map((one) => (typeof one === "string" ? {text: one, cites: []} : one));
const triedLine = (action) => ({text: `${action.tool}: ${t(`tool.${action.outcome}`)}`, cites: [action.id]});

function Line({text, cites = []}) {
  if (!cites.length) return html`<li>${text}</li>`;
  return html`<li><button class="source" onClick=${() => jumpTo(cites[0])}>${text}<span class="unseen"> ${t("card.jump")}</span>${icon("jump")}</button></li>`;
}
