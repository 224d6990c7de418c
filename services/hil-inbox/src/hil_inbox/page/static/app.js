// What stands where on the page, and what starts it?
import {render} from "preact";
import {html, icon} from "./html.js";
import {alertText, area, connection, dispatch, me, notices, pane, spokenText, state} from "./store.js";
import {start} from "./load.js";
import {startKeys} from "./keys.js";
import {TopBar} from "./topbar.js";
import {Rail} from "./rail.js";
import {ListPane} from "./list.js";
import {ConversationPane} from "./conversation.js";
import {ContextPane} from "./context.js";
import {Supervisor} from "./supervisor.js";
import {Dialogs} from "./dialogs.js";
import {refusalText} from "./actions.js";
import {t} from "./i18n.js";

function Page() {
  if (!me.value) return null;
  return html`<${TopBar} /><${Trouble} />
    <div class=${`panes show-${pane.value} area-${area.value}`}><${Rail} />
      ${area.value === "supervisor" ? html`<${Supervisor} />` : html`<${ListPane} /><${ConversationPane} /><${ContextPane} />`}</div>
    <${Notices} /><${Dialogs} />
    <div class="unseen" role="status" aria-live="polite" id="spoken">${spokenText.value}</div>
    <div class="unseen" role="alert" id="urgent">${alertText.value}</div>`;
}

/** Old data or no network: said in words, across the page, until it is over. */
function Trouble() {
  const word = connection.value;
  if (state.value.reset) return html`<p class="trouble">${icon("info")}${t("feed.resetting")}</p>`;
  if (word === "live" || word === "connecting") return null;
  return html`<p class="trouble">${icon("alert")}${t(`trouble.${word}`)}</p>`;
}

function Notices() {
  return html`<div class="notices">${notices.value.map((one) => html`<div key=${one.id} class=${`notice notice-${one.kind}`} role=${one.kind === "error" ? "alert" : undefined}>
    ${icon(one.kind === "ok" ? "check" : "alert")}<span>${one.text}</span><button class="quiet square" aria-label=${t("close")} onClick=${() => dispatch({type: "notice_over", id: one.id})}>${icon("cross")}</button></div>`)}</div>`;
}

const root = document.getElementById("inbox");
start()
  .then(startKeys)
  .catch((error) => render(html`<div class="empty">${icon("alert")}<h1>${t("start.failed")}</h1><p>${error.status === undefined ? error.message : refusalText(error)}</p><button onClick=${() => location.reload()}>${t("start.again")}</button></div>`, root));
render(html`<${Page} />`, root);
