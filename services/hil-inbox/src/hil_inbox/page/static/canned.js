// Which prepared reply does a person mean by "/word"?
import {html} from "./html.js";
import {state} from "./store.js";
import {t} from "./i18n.js";

/** Shown while the text is only "/" and letters; picking one replaces it. */
export function Canned({text, shown, onPick}) {
  if (!shown || !/^\/[\w-]*$/.test(text)) return null;
  const word = text.slice(1).toLowerCase();
  const found = state.value.canned.filter((one) => `${one.code} ${one.label}`.toLowerCase().includes(word)).slice(0, 6);
  return html`<ul class="canned" aria-label=${t("canned.title")}>
    ${found.length === 0 && html`<li class="muted">${t("canned.none")}</li>`}
    ${found.map((one) => html`<li><button type="button" onClick=${() => onPick(one.text)}><b>/${one.code}</b> ${one.label}<span class="muted">${one.text}</span></button></li>`)}</ul>`;
}
