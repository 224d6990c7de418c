// What is shown of the open conversation: who speaks, why it came, what was said?
import {html, icon} from "./html.js";
import {useEffect} from "preact/hooks";
import {canDecide, dialog, me, nameOf, now, open, pane, rows} from "./store.js";
import {claim, command, sign, takeOver} from "./actions.js";
import {HandoverCard} from "./handover_card.js";
import {Transcript} from "./transcript.js";
import {Composer} from "./composer.js";
import {ApprovalCard} from "./approval.js";
import {t} from "./i18n.js";

export function ConversationPane() {
  const shown = open.value;
  useEffect(() => {
    if (!shown) return undefined;
    sign("viewing");
    const timer = setInterval(() => sign("viewing"), 8000);
    return () => clearInterval(timer);
  }, [shown?.id]);
  return html`<main class="pane conversation-pane" id="conversation" data-pane="conversation" tabindex="-1" aria-label=${t("pane.conversation")}>
    ${shown === null ? html`<${Nothing} />` : shown.error ? html`<${Failed} />` : html`<${Shown} />`}</main>`;
}

const Nothing = () => html`<div class="empty">${icon("inbox")}<h2>${t("conversation.none")}</h2><p>${t("conversation.none_help")}</p></div>`;
const Failed = () => html`<div class="empty">${icon("alert")}<h2>${t("conversation.failed")}</h2><p>${open.value.error}</p></div>`;

function Shown() {
  const {id, kind, key, loading} = open.value;
  const row = rows.value.get(id);
  return html`<header class="conversation-head">
      <button class="quiet square back" aria-label=${t("back")} onClick=${() => { pane.value = "list"; }}>${icon("left")}</button>
      <h2>${row?.customer ?? key}</h2><span class="muted channel">${key}</span><span class="grow"></span>
      <${Actions} row=${row} />
      <button class="quiet small to-context" onClick=${() => { pane.value = "context"; }}>${t("details")}</button></header>
    <${Banner} row=${row} />
    ${loading
      ? html`<div class="skeletons" aria-busy="true"><span class="unseen">${t("conversation.loading")}</span><div class="skeleton"><i></i><i></i></div><div class="skeleton"><i></i><i></i></div></div>`
      : html`${kind === "handover" && html`<${HandoverCard} />`}
        <div class="scroll">${kind === "approval" && html`<${ApprovalCard} key=${id} />`}
        <${Transcript} key=${id} /></div>
        ${kind === "handover" && html`<${Composer} key=${id} row=${row} />`}`}`;
}

/** Who speaks to the customer now; the first thing that a person must know. */
function Banner({row}) {
  const owner = row?.kind === "handover" ? row.owner_id : open.value.conversation?.owner_id;
  const mine = owner === me.value.actor_id;
  if (row?.kind === "approval") return html`<p class="banner banner-approval">${icon("shield")}<span>${t(`banner.approval${row.state !== "waiting" ? "_over" : (open.value.approval?.expires_ms ?? row.due_ms) <= now.value ? "_expired" : ""}`)}</span></p>`;
  if (row?.state === "done") return html`<p class="banner banner-ai">${icon("check")}<span>${t(`banner.${row.outcome === "returned" ? "returned" : "resolved"}`)}</span>
    <button disabled=${!canDecide.value} onClick=${takeOver}>${t("action.take_over")}</button></p>`;
  if (mine) return html`<p class="banner banner-mine">${icon("you")}<span>${t("banner.mine")}</span></p>`;
  if (owner) return html`<p class="banner banner-other">${icon("person")}<span>${t("banner.other", {who: nameOf(owner)})}</span>
    ${me.value.role !== "agent" && html`<button disabled=${!canDecide.value} onClick=${() => { dialog.value = "override"; }}>${t("action.override")}</button>`}</p>`;
  if (!row) return html`<p class="banner banner-ai">${icon("bot")}<span>${t("banner.ai")}</span>
    <button disabled=${!canDecide.value} onClick=${takeOver}>${t("action.take_over")} <kbd>c</kbd></button></p>`;
  return html`<p class="banner banner-open">${icon("hand")}<span>${t("banner.open")}</span>
    <button class="primary" disabled=${!canDecide.value} onClick=${() => claim(row.id)}>${t("action.claim")} <kbd>c</kbd></button></p>`;
}

function Actions({row}) {
  if (!row || row.kind !== "handover" || row.owner_id !== me.value.actor_id || row.state === "done") return null;
  const opens = (name, sign_, key) => html`<button class="quiet small" disabled=${!canDecide.value} title=${`${t(`action.${name}`)} (${key})`} onClick=${() => { dialog.value = name; }}>
    ${icon(sign_)}<span class="label">${t(`action.${name}`)}</span></button>`;
  return html`<div class="actions" role="group" aria-label=${t("actions")}>
    ${row.state === "snoozed"
      ? html`<button class="quiet small" disabled=${!canDecide.value} onClick=${() => command("wake", {})}>${icon("sun")}<span class="label">${t("action.wake")}</span></button>`
      : opens("snooze", "moon", "z")}
    ${opens("transfer", "swap", "t")}${opens("return", "bot", "b")}${opens("resolve", "check", "e")}</div>`;
}
