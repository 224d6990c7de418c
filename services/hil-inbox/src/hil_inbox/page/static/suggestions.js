// What does the AI propose to say, and what does the person do with it?
import {html, icon} from "./html.js";
import {useState} from "preact/hooks";
import {canDecide, open} from "./store.js";
import {askDraft, dismissDraft} from "./actions.js";
import {t} from "./i18n.js";

const REASONS = ["wrong_fact", "wrong_tone", "not_needed", "other"];

export function Drafts({onUse}) {
  const [asked, setAsked] = useState(false);
  const [dismissing, setDismissing] = useState(false);
  const waiting = open.value.suggestions.filter((one) => one.state === "offered" || one.state === "failed").sort((a, b) => a.seq - b.seq);
  const draft = waiting.filter((one) => one.text || one.error).at(-1);
  const ask = async () => setAsked(await askDraft());
  if (!draft) return html`<div class="draft-ask"><button class="quiet small" disabled=${!canDecide.value || asked} onClick=${ask}>${icon("bot")}${t(asked ? "draft.coming" : "draft.ask")}</button></div>`;
  const id = draft.suggestion_id ?? draft.id;
  if (draft.error) return html`<div class="draft">${icon("alert")}<p>${t("draft.failed", {reason: draft.error})}</p><button class="quiet small" onClick=${ask}>${t("draft.again")}</button></div>`;
  return html`<section class="draft" aria-label=${t("draft.title")}><header>${icon("bot")}<b>${t("draft.title")}</b><span class="muted">${t(`draft.origin.${draft.origin ?? "asked"}`)}</span></header>
    <p>${draft.text}</p>
    <footer><button class="small" onClick=${() => onUse(draft)}>${t("draft.use")}</button>
      ${dismissing
        ? html`<span role="group" aria-label=${t("draft.why")}>${REASONS.map((one) => html`<button class="quiet small" onClick=${async () => { await dismissDraft(id, one); setDismissing(false); }}>${t(`draft.reason.${one}`)}</button>`)}</span>`
        : html`<button class="quiet small" disabled=${!canDecide.value} onClick=${() => setDismissing(true)}>${t("draft.dismiss")}</button>`}</footer></section>`;
}
