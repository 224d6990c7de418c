// Which questions are asked before something changes hands? Every dialog gives the focus back where it came from.
import {html} from "./html.js";
import {useLayoutEffect, useRef, useState} from "preact/hooks";
import {canDecide, dialog, me, now, open, presence, state} from "./store.js";
import {command} from "./actions.js";
import {Help} from "./help.js";
import {Palette} from "./palette.js";
import {t} from "./i18n.js";

export function Dialogs() {
  const name = dialog.value;
  if (!name) return null;
  const Body = {transfer: Transfer, snooze: Snooze, resolve: Resolve, return: Return, override: Override, help: Help, palette: Palette}[name];
  return html`<${Modal} key=${name} name=${name}><${Body} /></${Modal}>`;
}

/** The browser's own modal: it traps the focus and gives it back. It opens before the next key can be pressed, so that
 * what is typed at once is its answer and no command. */
function Modal({name, children}) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  const close = () => { dialog.value = null; };
  return html`<dialog ref=${box} class=${`dialog dialog-${name}`} aria-labelledby="dialog-title" onCancel=${close} onClose=${close}
    onClick=${(event) => event.target === box.current && close()}><h2 id="dialog-title">${t(`dialog.${name}`)}</h2>${children}</dialog>`;
}

const Buttons = ({label, disabled, danger}) => html`<footer class="verdicts"><button class=${danger ? "danger" : "primary"} disabled=${disabled || !canDecide.value}>${label}</button>
  <button type="button" class="quiet" onClick=${() => { dialog.value = null; }}>${t("cancel")}</button></footer>`;
const submitting = (run) => (event) => {
  event.preventDefault();
  run(new FormData(event.target));
};
const Select = ({name, label, children}) => html`<label for=${name}>${label}</label><select id=${name} name=${name} required>${children}</select>`;
const Text = ({name, label, rows = 3, help}) => html`<label for=${name}>${label}</label>${help && html`<p class="help" id=${`${name}-help`}>${help}</p>`}
  <textarea id=${name} name=${name} rows=${rows} maxlength="2000" aria-describedby=${help ? `${name}-help` : undefined}></textarea>`;
const others = () => presence.value.agents.filter((one) => one.actor_id !== me.value.actor_id);

function Transfer() {
  const queues = state.value.queues.map((one) => one.name);
  const send = submitting((form) => {
    const [kind, name] = form.get("to").split(/:(.*)/s);
    command("transfer", {[`to_${kind}`]: name, note: form.get("note")});
  });
  return html`<form onSubmit=${send}><${Select} name="to" label=${t("transfer.to")}><option value="">${t("form.choose")}</option>
    <optgroup label=${t("transfer.agents")}>${others().map((one) => html`<option value=${`agent_id:${one.actor_id}`}>${one.name ?? one.actor_id} (${t("me.load", {n: one.load ?? 0, max: one.capacity ?? 0})})</option>`)}</optgroup>
    <optgroup label=${t("transfer.queues")}>${queues.map((one) => html`<option value=${`queue:${one}`}>${one}</option>`)}</optgroup>
    <optgroup label=${t("transfer.teams")}>${[...new Set([...me.value.teams, ...others().flatMap((one) => one.teams ?? [])])].map((one) => html`<option value=${`team:${one}`}>${one}</option>`)}</optgroup></${Select}>
    <${Text} name="note" label=${t("transfer.note")} help=${t("transfer.help")} /><${Buttons} label=${t("action.transfer")} /></form>`;
}

const HOUR_MS = 3_600_000;
function Snooze() {
  const tomorrow = new Date(now.value + 24 * HOUR_MS).setHours(9, 0, 0, 0);
  const choices = [["snooze.20m", now.value + HOUR_MS / 3], ["snooze.1h", now.value + HOUR_MS], ["snooze.4h", now.value + 4 * HOUR_MS], ["snooze.tomorrow", tomorrow]];
  const other = submitting((form) => command("snooze", {until_ms: new Date(form.get("until")).getTime()}));
  return html`<p class="help">${t("snooze.help")}</p><div class="choices">${choices.map(([key, until_ms]) => html`<button disabled=${!canDecide.value} onClick=${() => command("snooze", {until_ms: Math.floor(until_ms)})}>${t(key)}</button>`)}</div>
    <form onSubmit=${other}><label for="until">${t("snooze.until")}</label><input id="until" name="until" type="datetime-local" required /><${Buttons} label=${t("action.snooze")} /></form>`;
}

function Resolve() {
  return html`<form onSubmit=${submitting((form) => command("resolve", {resolution: form.get("resolution")}))}>
    <${Text} name="resolution" label=${t("resolve.what")} help=${t("resolve.help")} /><${Buttons} label=${t("action.resolve")} /></form>`;
}

const listed = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 20);
function Return() {
  const known = Object.entries(open.value.handover?.packet?.facts ?? {}).map(([name, fact]) => [name, fact?.value ?? fact]);
  const [facts, setFacts] = useState(known.map(([name, value]) => ({name, was: value, value: typeof value === "object" ? JSON.stringify(value) : String(value)})));
  const change = (index, field, text) => setFacts(facts.map((one, at) => (at === index ? {...one, [field]: text} : one)));
  const send = submitting((form) => {
    const changed = facts.filter((one) => one.name && one.value !== String(one.was));
    command("return", {outcome: form.get("outcome"), facts: Object.fromEntries(changed.map((one) => [one.name, sameKind(one)])), promises: listed(form.get("promises")), not_again: listed(form.get("not_again"))});
  });
  return html`<form onSubmit=${send}><${Text} name="outcome" label=${t("return.outcome")} rows=2 help=${t("return.help")} />
    <fieldset class="nested"><legend>${t("return.facts")}</legend>${facts.map((one, index) => html`<div class="fact-row" key=${index}>
      <input aria-label=${t("return.fact_name", {n: index + 1})} value=${one.name} readonly=${one.was !== undefined} onInput=${(event) => change(index, "name", event.target.value)} />
      <input aria-label=${t("return.fact_value", {name: one.name || index + 1})} value=${one.value} onInput=${(event) => change(index, "value", event.target.value)} /></div>`)}
      <button type="button" class="quiet small" onClick=${() => setFacts([...facts, {name: "", value: ""}])}>${t("form.add")}</button></fieldset>
    <${Text} name="promises" label=${t("return.promises")} rows=2 help=${t("return.one_a_line")} /><${Text} name="not_again" label=${t("return.not_again")} rows=2 help=${t("return.one_a_line")} />
    <${Buttons} label=${t("action.return")} /></form>`;
}
/** A corrected fact keeps the type that it had. */
function sameKind({was, value}) {
  if (typeof was === "number" && Number.isFinite(Number(value))) return Number(value);
  if (typeof was === "boolean") return value === "true";
  return value;
}

function Override() {
  const send = submitting((form) => command("override", {to_agent_id: form.get("to") || null, reason: form.get("reason")}));
  if (me.value.role === "agent") return html`<p>${t("supervisor.role", {role: t("role.supervisor")})}</p>`;
  return html`<form onSubmit=${send}><label for="to">${t("transfer.to")}</label><select id="to" name="to"><option value=${me.value.actor_id}>${t("you")}</option>
    ${others().map((one) => html`<option value=${one.actor_id}>${one.name ?? one.actor_id}</option>`)}<option value="">${t("override.queue")}</option></select>
    <${Text} name="reason" label=${t("override.reason")} /><${Buttons} label=${t("action.override")} danger=${true} /></form>`;
}
