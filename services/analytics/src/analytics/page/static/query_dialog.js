// Which question is behind a chart, to be asked again by hand?
import {useEffect, useRef, useState} from "preact/hooks";
import {html, icon} from "./html.js";
import {asCurl} from "./question.js";
import {shownQuery} from "./store.js";
import {t} from "./i18n.js";

export function QueryDialog() {
  const shown = shownQuery.value;
  return shown && html`<${Shown} key=${shown.title} ...${shown} />`;
}

function Shown({title, request}) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  const curl = asCurl(request, location.origin);
  const body = request.body && JSON.stringify(request.body, null, 2);
  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="query-title" onClose=${() => { shownQuery.value = null; }}>
    <header><h2 id="query-title">${t("query.title", {title})}</h2><button class="quiet square" aria-label=${t("close")} onClick=${() => dialog.current.close()}>${icon("cross")}</button></header>
    <p class="muted">${t("query.help")}</p>
    <h3><code>${request.method} ${request.path}</code></h3>
    ${body && html`<pre tabindex="0">${body}</pre>`}
    <footer>${body && html`<${Copy} label=${t("query.copy_body")} text=${body} />`}<${Copy} label=${t("query.copy_curl")} text=${curl} />
      ${request.method === "GET" && html`<a class="button" href=${request.path} target="_blank" rel="noreferrer">${t("query.open")}</a>`}</footer>
  </dialog>`;
}

function Copy({label, text}) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid(t("query.copied"));
    } catch {
      setSaid(t("query.copy_failed")); // Over plain http there is no clipboard at all.
    }
  };
  return html`<button onClick=${copy}>${icon("copy")}${label}</button><span role="status" class="muted">${said}</span>`;
}
