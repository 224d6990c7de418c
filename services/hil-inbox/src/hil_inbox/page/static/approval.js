// What does the AI want to do, what happens then, and what does the person decide?
import {html, icon} from "./html.js";
import {useEffect, useMemo, useRef, useState} from "preact/hooks";
import {canDecide, me, now, open, rows} from "./store.js";
import {verdict} from "./actions.js";
import {SchemaForm} from "./form.js";
import {draftsOf, fieldsOf, pathText, typed} from "./schema.js";
import {Reject, Respond} from "./approval_answers.js";
import {span, t, timeOf, word} from "./i18n.js";

const FIELDS = "form :is(input, select, textarea)";

export function ApprovalCard() {
  const {approval, id} = open.value;
  const [step, setStep] = useState("look"); // look | edit | reject | respond | confirm
  const [since] = useState(() => now.value);
  const card = useRef(null);
  const isFirst = useRef(true);
  useEffect(() => { // The pressed button is gone with its step: who works by keyboard goes on in the next one.
    if (!isFirst.current) (step === "look" ? card.current : card.current?.querySelector(FIELDS))?.focus();
    isFirst.current = false;
  }, [step]);
  if (!approval) return null;
  const state = rows.value.get(id)?.state === "done" ? "done" : approval.state;
  const expired = approval.expires_ms <= now.value;
  const over = state !== "pending" && state !== "waiting";
  const bound = {dwell_ms: Math.max(0, now.value - since)}; // What was seen is named by If-Match.
  const decide = (body, onProblems = () => false) => verdict({...body, ...bound}, onProblems);
  const props = {approval, decide, setStep, disabled: !canDecide.value || over || expired};
  return html`<section class=${`card approval-card${over || expired ? " is-over" : ""}`} id="approval" ref=${card} tabindex="-1" aria-label=${t("approval.title")}>
    <header>${icon("shield")}<h3>${approval.ask}</h3></header>
    <${Facts} approval=${approval} expired=${expired} over=${over} />
    ${over && html`<${Outcome} approval=${approval} row=${rows.value.get(id)} />`}
    ${!over && expired && html`<p class="verdict-line">${icon("alert")}${t("approval.expired", {then: word("expiry", approval.on_expiry)})}</p>`}
    ${!over && !expired && html`<${Steps} step=${step} ...${props} />`}</section>`;
}

function Facts({approval, expired, over}) {
  const fact = (name, value) => value && html`<div><dt>${t(`approval.${name}`)}</dt><dd>${value}</dd></div>`;
  return html`<dl class="facts">
    ${fact("tool", approval.tool && html`<code>${approval.tool}</code>`)}
    ${fact("policy", approval.policy)}
    ${fact("effect", approval.side_effect && html`<span class=${`chip effect-${approval.side_effect}`}>${word("effect", approval.side_effect)}</span>`)}
    ${fact("node", approval.node)}
    ${!over && !expired && fact("expires", html`<span class="countdown">${t("approval.expires_in", {span: span(approval.expires_ms - now.value), then: word("expiry", approval.on_expiry)})}</span>`)}
  </dl>`;
}

function Steps({step, ...props}) {
  const {approval} = props;
  const isTool = approval.kind === "tool_call";
  if (step === "reject") return html`<${Reject} ...${props} />`;
  if (step === "respond") return html`<${Respond} ...${props} />`;
  if (step === "confirm") return html`<${Confirm} ...${props} />`;
  if (step === "edit" || !isTool) return html`<${Edit} ...${props} />`;
  return html`<${Arguments} values=${approval.arguments} /><${Buttons} ...${props} />`;
}

const Arguments = ({values}) => html`<table class="arguments"><caption class="unseen">${t("approval.arguments")}</caption><tbody>
  ${Object.entries(values ?? {}).map(([name, value]) => html`<tr><th scope="row">${name.replaceAll("_", " ")}</th><td>${typeof value === "object" ? JSON.stringify(value) : String(value)}</td></tr>`)}</tbody></table>`;

const needsWord = (approval) => approval.side_effect === "irreversible";

function Buttons({approval, decide, setStep, disabled}) {
  const approve = () => (needsWord(approval) ? setStep("confirm") : decide({verdict: "approve"}));
  return html`<footer class="verdicts">
    <button class="primary" id="approve" disabled=${disabled} onClick=${approve}>${icon("check")}${t("approval.approve")} <kbd>a</kbd></button>
    <button id="edit" disabled=${disabled} onClick=${() => setStep("edit")}>${t("approval.edit")} <kbd>d</kbd></button>
    <button class="danger" id="reject" disabled=${disabled} onClick=${() => setStep("reject")}>${t("approval.reject")} <kbd>x</kbd></button>
    <button class="quiet" disabled=${disabled} onClick=${() => setStep("respond")}>${t("approval.respond")}</button></footer>`;
}

/** Typed fields of the schema; the changed ones are marked, and show what they were. */
function Edit({approval, decide, setStep, disabled}) {
  const isTool = approval.kind === "tool_call";
  const before = isTool ? approval.arguments : {};
  const fields = useMemo(() => fieldsOf(schemaOf(approval)), [approval.id]);
  const [drafts, setDrafts] = useState(() => draftsOf(fields, before));
  const [errors, setErrors] = useState({});
  const first = useMemo(() => draftsOf(fields, before), [fields]);
  const changed = Object.keys(drafts).filter((path) => JSON.stringify(drafts[path]) !== JSON.stringify(first[path]));
  const problems = ({problems: all = [], detail}) => {
    setErrors(Object.fromEntries(all.map((one) => [named(one.field, fields), one.problem])));
    return all.length > 0 && !detail;
  };
  const submit = (event) => {
    event.preventDefault();
    const {value, errors: wrong} = typed(fields, drafts);
    setErrors(wrong);
    const missing = Object.keys(wrong)[0];
    if (missing) return document.getElementById(`field-${missing}`)?.focus();
    const body = !isTool ? {verdict: "respond", answer: value} : {verdict: "edit", arguments: {...before, ...value}};
    return decide(body, problems);
  };
  return html`<form class="schema-form" onSubmit=${submit} noValidate>
    <${SchemaForm} ...${{fields, drafts, errors, disabled}} onDraft=${(path, value) => setDrafts((all) => ({...all, [path]: value}))} />
    ${isTool && changed.length > 0 && html`<ul class="before-after" aria-label=${t("approval.changes")}>${changed.map((path) => html`<li><b>${path}</b> <del>${String(first[path])}</del> <ins>${String(drafts[path])}</ins></li>`)}</ul>`}
    <footer class="verdicts"><button class="primary" disabled=${disabled || (isTool && changed.length === 0)}>${t(isTool ? "approval.approve_edited" : "approval.answer")}</button>
      ${isTool ? html`<button type="button" class="quiet" onClick=${() => setStep("look")}>${t("cancel")}</button>` : html`<button type="button" class="danger" disabled=${disabled} onClick=${() => setStep("reject")}>${t("approval.reject")}</button>`}</footer></form>`;
}

/** The tool's own schema where the service sends it; else one that is read off the values. */
function schemaOf(approval) {
  const schema = approval.form ?? approval.input_schema;
  if (schema?.properties) return schema;
  const types = {string: "string", number: "number", boolean: "boolean"};
  const properties = Object.entries(approval.arguments ?? {}).map(([name, value]) => [name, {type: types[typeof value] ?? "any"}]);
  return {properties: Object.fromEntries(properties)};
}
const named = (field, fields) => fields.map((one) => pathText(one.path)).find((path) => field.split(".").slice(-path.split(".").length).join(".") === path) ?? field;

/** What cannot be undone is confirmed by typing the decisive value. */
function Confirm({approval, decide, setStep, disabled}) {
  const [text, setText] = useState("");
  const amount = Object.entries(approval.arguments ?? {}).find(([name, value]) => typeof value === "number" && /amount|total|price|sum/.test(name))?.[1];
  const wanted = String(amount ?? t("approval.confirm_word"));
  return html`<form class="confirm" onSubmit=${(event) => { event.preventDefault(); if (text === wanted) decide({verdict: "approve"}); }}>
    <p>${icon("alert")}${t("approval.irreversible")}</p><label for="confirm">${t("approval.type", {word: wanted})}</label><input id="confirm" autocomplete="off" value=${text} onInput=${(event) => setText(event.target.value)} />
    <footer class="verdicts"><button class="primary" disabled=${disabled || text !== wanted}>${t("approval.approve")}</button><button type="button" class="quiet" onClick=${() => setStep("look")}>${t("cancel")}</button></footer></form>`;
}

function Outcome({approval, row}) {
  const given = approval.verdict;
  if (!given) return html`<p class="verdict-line">${icon("info")}${t("approval.closed", {outcome: word("outcome", row?.outcome ?? "closed")})}</p>`;
  const who = given.actor_id === me.value.actor_id ? t("you") : given.actor_id;
  return html`<p class="verdict-line">${icon(given.verdict === "reject" ? "cross" : "check")}${t("approval.decided", {verdict: t(`verdict.${given.verdict}`), who, time: timeOf(approval.decided_ms ?? now.value, now.value)})}
    ${given.reason && html`<span class="muted">${given.reason}</span>`}</p>`;
}
