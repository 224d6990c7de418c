// Which keys do what?
import {html} from "./html.js";
import {letters} from "./actions.js";
import {KEYS} from "./key_map.js";
import {t} from "./i18n.js";

export function Help() {
  return html`<label class="choice"><input type="checkbox" checked=${letters.value === "on"} onChange=${(event) => { letters.value = event.target.checked ? "on" : "off"; }} />${t("help.letters")}</label>
    <dl class="keys">${KEYS.map(([keys, action]) => html`<div><dt>${keys.split(" ").map((key) => html`<kbd>${key.replace("$mod", t("key.mod"))}</kbd> `)}</dt><dd>${t(`key.${action}`)}</dd></div>`)}</dl>`;
}
