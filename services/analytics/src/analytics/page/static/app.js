// What stands where on the page, and what starts it?
import {render} from "preact";
import {useEffect} from "preact/hooks";
import {effect} from "@preact/signals";
import {html, icon} from "./html.js";
import {ask} from "./api.js";
import {address, connection, count, me, route, signedOut, workflows} from "./store.js";
import {startLive} from "./live.js";
import {TopBar} from "./topbar.js";
import {QueryDialog} from "./query_dialog.js";
import {SignIn} from "./sign_in.js";
import {reading} from "./question.js";
import {itemOf, VIEWS} from "./route.js";
import {Overview} from "./view_overview.js";
import {Workflow} from "./view_workflow.js";
import {Slos} from "./view_slos.js";
import {Cost} from "./view_cost.js";
import {Handovers} from "./view_handovers.js";
import {Experiments} from "./view_experiments.js";
import {Evaluations} from "./view_evaluations.js";
import {Kpis} from "./view_kpis.js";
import {t} from "./i18n.js";

const SHOWN = {overview: Overview, workflow: Workflow, slos: Slos, cost: Cost, handovers: Handovers, experiments: Experiments, evaluations: Evaluations, kpis: Kpis};
const PAGE_MAX = 200;
const PAGES_MAX = 10;
const EVERYBODY = "everybody"; // Who asks a service that is open to this machine: there is nothing to sign out of.

function Page() {
  const {view} = route.value;
  useEffect(knowWorkflows, [count.value.turn === 0, signedOut.value]);
  if (signedOut.value) return html`<${TopBar} /><${SignIn} />`;
  return html`<a class="skip" href="#main" onClick=${skipped}>${t("skip")}</a><${TopBar} /><${Trouble} />
    <div class="frame"><nav class="views" aria-label=${t("views")}><ul>${VIEWS.map((one) => html`<li key=${one}><a href=${address({view: one})} aria-current=${one === view ? "page" : undefined}>${icon(one)}<span>${t(`view.${one}`)}</span></a></li>`)}</ul></nav>
    <main id="main" tabindex="-1"><h1>${t(`view.${view}`)}</h1><${SHOWN[view]} key=${view} /><p class="zone muted">${t("zone", {zone: Intl.DateTimeFormat().resolvedOptions().timeZone})}</p></main></div>
    <${QueryDialog} />`;
}

/** The address after `#` is the view's, so the link of the skip may not become it. */
function skipped(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function Trouble() {
  const state = connection.value;
  return (state === "reconnecting" || state === "offline") && html`<p class="trouble" role="status">${icon("alert")}${t(`trouble.${state}`)}</p>`;
}

/** For the top bar; without them the page works, and what went wrong is said by its parts. */
function knowWorkflows() {
  ask({method: "GET", path: "/v1/me"}).then((found) => { me.value = {...found, has_session: found.name !== EVERYBODY}; }, () => {});
  knownWorkflows().then((found) => { workflows.value = found; }, () => {});
}

/** The service lists versions, of which a workflow may have hundreds; the bar only wants names. */
async function knownWorkflows() {
  const found = new Map();
  for (let page = 0, cursor = null; page === 0 || (cursor && page < PAGES_MAX); page += 1) {
    const answer = await ask(reading("/v1/workflows", {limit: PAGE_MAX, cursor}));
    for (const {tenant, workflow} of answer.workflows) found.set(itemOf(tenant, workflow), {tenant, workflow});
    cursor = answer.next_cursor;
  }
  return [...found.values()];
}

effect(() => { document.title = `${t(`view.${route.value.view}`)} · ${t("title")}`; });
startLive();
render(html`<${Page} />`, document.getElementById("dashboard"));
