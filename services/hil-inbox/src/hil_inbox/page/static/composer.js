// How does a person write, so that a note never goes to the customer and no draft is lost?
import {html, icon} from "./html.js";
import {useEffect, useLayoutEffect, useRef, useState} from "preact/hooks";
import {signal} from "@preact/signals";
import {canDecide, dispatch, me, open, say, state} from "./store.js";
import {note, reply, sign} from "./actions.js";
import {draftOf, keepDraft} from "./preferences.js";
import {Drafts} from "./suggestions.js";
import {Canned} from "./canned.js";
import {t} from "./i18n.js";

export const mode = signal("reply"); // Changes only by a person's hand.
export const returned = signal(null); // A reply that was taken back: {key, text, gone}
/** Before the next key can be pressed: what is typed at once must neither be lost nor act as a command. */
export function focusComposer(which) {
  mode.value = which;
  queueMicrotask(() => document.getElementById("composer")?.focus()); // Rendering is one, too; a timer may come after a key.
}

export function Composer({row}) {
  const {tenant, key, unseen} = open.value;
  const place = `${tenant}/${key}`;
  const [text, setText] = useState(() => draftOf(place, mode.value));
  const [suggestion, setSuggestion] = useState(null);
  const box = useRef(null);
  const isReply = mode.value === "reply";
  const mine = row?.owner_id === me.value.actor_id && row.state !== "done";
  const allowed = isReply ? mine && canDecide.value : canDecide.value;
  useLayoutEffect(() => setText(draftOf(place, mode.value)), [mode.value]);
  useEffect(() => takeBack(place, setText, box), [returned.value]);
  const write = (value) => {
    setText(value);
    keepDraft(place, mode.value, value);
    sign("typing");
  };
  const submit = async () => {
    if (!text.trim() || !allowed) return;
    const sent = text;
    write("");
    dispatch({type: "seen"});
    const taken = isReply ? await reply(sent, suggestion) : await note(sent);
    setSuggestion(null);
    if (!taken && !isReply) write(sent);
    else if (!isReply) say(t("note.saved"));
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit(); }
    if (event.key === "Escape") { event.stopPropagation(); document.getElementById("conversation")?.focus(); }
  };
  return html`<section class=${`composer composer-${mode.value}`} aria-label=${t("composer.title")}>
    ${isReply && mine && html`<${Drafts} onUse=${(draft) => { write(draft.text); setSuggestion(draft.suggestion_id ?? draft.id); box.current?.focus(); }} />`}
    <div class="modes" role="group" aria-label=${t("composer.mode")}>${["reply", "note"].map((one) => html`<button aria-pressed=${mode.value === one} class=${`mode mode-${one}`} onClick=${() => focusComposer(one)}>
      ${icon(one === "reply" ? "send" : "note")}${t(`composer.${one}`)}</button>`)}
      <span class="muted hint">${t(isReply ? "composer.reply_hint" : "composer.note_hint")}</span></div>
    ${unseen > 0 && isReply && text && html`<p class="warning" role="status">${icon("alert")}${t("composer.new_arrived", {n: unseen})}<button class="small" onClick=${() => dispatch({type: "seen"})}>${t("composer.seen")}</button></p>`}
    <${Canned} text=${text} shown=${isReply && mine} onPick=${(picked) => { write(picked); box.current?.focus(); }} />
    <textarea id="composer" ref=${box} rows="3" maxlength="8000" aria-label=${t(isReply ? "composer.reply_label" : "composer.note_label")}
      placeholder=${t(isReply ? "composer.reply_placeholder" : "composer.note_placeholder")} value=${text} disabled=${isReply && !mine}
      onInput=${(event) => write(event.target.value)} onKeyDown=${onKeyDown}></textarea>
    <footer>${text && html`<span class="muted">${t("composer.kept")}</span>`}<span class="muted">${isReply && !mine ? t("composer.claim_first") : !canDecide.value ? t("offline.decisions") : ""}</span>
      <span class="grow"></span><button class=${isReply ? "primary" : "note-button"} disabled=${!allowed || !text.trim()} onClick=${submit}>
        ${icon(isReply ? "send" : "note")}${t(isReply ? "composer.send" : "composer.save")} <kbd>${t("key.mod_enter")}</kbd></button></footer>
  </section>`;
}

function takeBack(place, setText, box) {
  const back = returned.value;
  if (back?.key !== place) return;
  mode.value = "reply";
  setText(back.text);
  keepDraft(place, "reply", back.text);
  if (back.gone && state.value.outbox.has(back.gone)) dispatch({type: "outbox", message_id: back.gone, state: "gone"});
  returned.value = null;
  box.current?.focus();
}
