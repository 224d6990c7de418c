// What was said and done, by whom, in order?
import {html, icon} from "./html.js";
import {useEffect, useRef} from "preact/hooks";
import {me, nameOf, now, open, outbox} from "./store.js";
import {loadOlder} from "./load.js";
import {sendReply, undo} from "./actions.js";
import {keepDraft} from "./preferences.js";
import {returned} from "./composer.js";
import {span, t, timeOf, word} from "./i18n.js";

export function Transcript() {
  const {kind, lines, older, handover, tenant, key} = open.value;
  const end = useRef(null);
  const actions = handover?.packet?.actions ?? [];
  const waiting = [...outbox.value].filter(([, one]) => one.key === `${tenant}/${key}`);
  useEffect(() => {
    const box = end.current?.closest(".scroll");
    if (kind === "approval") return; // What is to be decided stands above, and is what one came for.
    if (box && (box.scrollHeight - box.scrollTop - box.clientHeight < 400 || lines.length < 30)) end.current.scrollIntoView({block: "end"});
  }, [lines.length, waiting.map(([, one]) => one.state).join()]);
  return html`<div class="transcript">
    ${older && html`<button class="quiet small older" onClick=${loadOlder}>${t("transcript.older")}</button>`}
    <div role="log" aria-label=${t("transcript.title")} aria-live="polite" tabindex="0">
      ${mixed(lines, actions).map((one) => (one.tool ? html`<${ToolCall} key=${`call-${one.id}`} call=${one} />` : html`<${Line} key=${one.id} line=${one} />`))}
      ${waiting.map(([id, one]) => html`<${Waiting} key=${id} id=${id} reply=${one} />`)}
    </div><div ref=${end}></div></div>`;
}

/** Tool calls stand where they were made. */
function mixed(lines, actions) {
  const calls = actions.map((action) => ({...action, at_ms: action.asked_ms || 0}));
  return [...lines, ...calls].sort((a, b) => a.at_ms - b.at_ms || (a.seq ?? 0) - (b.seq ?? 0));
}

const SIGNS = {customer: "person", ai: "bot", human_agent: "you", system: "info", note: "note"};

function Line({line}) {
  if (line.kind === "event") return html`<div class="line-event" id=${`line-${line.id}`} tabindex="-1">${eventText(line)} <time>${timeOf(line.at_ms, now.value)}</time></div>`;
  const kind = line.kind === "note" ? "note" : line.author;
  const name = line.author_id === me.value.actor_id ? t("you") : (nameOf(line.author_id) ?? t(`author.${kind}`));
  const unsent = line.state === "suppressed";
  return html`<article class=${`message message-${kind}${unsent ? " is-unsent" : ""}`} id=${`line-${line.id}`} tabindex="-1">
    <header>${icon(SIGNS[kind] ?? "info")}<b>${kind === "note" ? t("transcript.note_by", {who: name}) : name}</b>
      ${kind === "ai" && html`<span class="tag">${t("author.ai_tag")}</span>`}
      <time datetime=${new Date(line.at_ms).toISOString()}>${timeOf(line.at_ms, now.value)}</time></header>
    <p>${line.text}</p>
    ${unsent && html`<footer>${icon("alert")}${t("transcript.unsent", {reason: word("suppressed", line.reason ?? "stale_epoch")})}</footer>`}
  </article>`;
}

/** What happened, by whom, in a few words. */
export function eventText(line) {
  const {content = {}, state, author_id: id} = line;
  const who = id === me.value.actor_id ? t("you") : nameOf(id);
  const about = content.note || content.resolution || content.outcome || content.reason_code || (state === "handover.open" && word("reason", content.reason)) || content.queue || content.agent_id || "";
  return t(who ? "event.line" : "event.by_itself", {what: word("event", state), who, about: line.text || (about === id ? "" : nameOf(about))}).replace(/[ ,:]+$/, "");
}

/** Folded in place: name and outcome are seen, arguments and result on demand. */
function ToolCall({call}) {
  return html`<details class="tool" id=${`call-${call.id}`} tabindex="-1"><summary>${icon("tool")}<code>${call.tool}</code>
      <span class=${`chip tool-${call.outcome}`}>${t(`tool.${call.outcome}`)}</span>${call.side_effect && html`<span class="chip">${word("effect", call.side_effect)}</span>`}</summary>
    <h4>${t("tool.arguments")}</h4><pre tabindex="0">${JSON.stringify(call.arguments ?? {}, null, 2)}</pre>
    ${call.result !== null && call.result !== undefined && html`<h4>${t("tool.result")}</h4><pre tabindex="0">${typeof call.result === "string" ? call.result : JSON.stringify(call.result, null, 2)}</pre>`}</details>`;
}

/** A reply that the customer does not have yet. */
function Waiting({id, reply}) {
  const left = (reply.until_ms ?? 0) - now.value;
  const back = async () => {
    const text = await undo(id);
    if (text !== null) returned.value = {key: reply.key, text};
  };
  const discard = () => { keepDraft(reply.key, "reply", reply.text); returned.value = {key: reply.key, text: reply.text, gone: id}; };
  return html`<article class=${`message message-human_agent is-waiting is-${reply.state}`}><header>${icon("you")}<b>${t("you")}</b></header><p>${reply.text}</p>
    <footer>${reply.state === "sending" && t("outbox.sending")}
      ${reply.state === "held" && (left > 0 ? html`<span class="countdown">${t("outbox.held", {span: span(Math.min(reply.hold_ms, left + 999))})}</span><button class="small" onClick=${back}>${t("outbox.undo")}</button>` : t("outbox.going"))}
      ${reply.state === "failed" && html`<span class="failed">${icon("alert")}${t("outbox.failed", {reason: reply.error ?? ""})}</span>
        <button class="small" onClick=${() => sendReply(id)}>${t("outbox.retry")}</button><button class="quiet small" onClick=${discard}>${t("outbox.edit")}</button>`}</footer></article>`;
}
