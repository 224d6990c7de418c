// How does a person say no, or give the answer instead of the tool?
import {html} from "./html.js";
import {useState} from "preact/hooks";
import {t} from "./i18n.js";

const OTHER = "other";

/** The named reasons are those of the queue's file. A reason that explains itself needs no words of one's own. */
export function Reject({approval, decide, setStep, disabled}) {
  const reasons = approval.rejection_reasons ?? [];
  const [code, setCode] = useState("");
  const [reason, setReason] = useState("");
  const named = reasons.find((one) => one.code === code && code !== OTHER);
  const why = reason.trim() || (named?.label ?? "");
  const ready = why && (code || !reasons.length);
  const submit = (event) => {
    event.preventDefault();
    if (ready) decide({verdict: "reject", reason_code: code, reason: why});
  };
  return html`<form class="reject" onSubmit=${submit}>${reasons.length > 0 && html`<fieldset><legend>${t("reject.why")}</legend>
    ${reasons.map((one) => html`<label class="choice"><input type="radio" name="reason" value=${one.code} checked=${code === one.code} onChange=${() => setCode(one.code)} />${one.label}</label>`)}</fieldset>`}
    <label for="reject-text">${t("reject.text")}</label><textarea id="reject-text" rows="2" maxlength="2000" value=${reason} onInput=${(event) => setReason(event.target.value)}></textarea>
    <footer class="verdicts"><button class="danger" disabled=${disabled || !ready}>${t("approval.reject")}</button><button type="button" class="quiet" onClick=${() => setStep("look")}>${t("cancel")}</button></footer></form>`;
}

export function Respond({decide, setStep, disabled}) {
  const [answer, setAnswer] = useState("");
  const submit = (event) => {
    event.preventDefault();
    decide({verdict: "respond", answer});
  };
  return html`<form class="respond" onSubmit=${submit}><p class="muted">${t("respond.help")}</p>
    <label for="respond-text">${t("respond.text")}</label><textarea id="respond-text" rows="3" maxlength="8000" value=${answer} onInput=${(event) => setAnswer(event.target.value)}></textarea>
    <footer class="verdicts"><button class="primary" disabled=${disabled || !answer.trim()}>${t("approval.respond")}</button><button type="button" class="quiet" onClick=${() => setStep("look")}>${t("cancel")}</button></footer></form>`;
}
