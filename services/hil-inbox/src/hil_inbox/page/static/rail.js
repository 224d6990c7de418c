// Which views are there, and how many wait in each?
import {html, icon} from "./html.js";
import {area, counts, list, me, state} from "./store.js";
import {VIEWS} from "./order.js";
import {saveViews, switchView} from "./actions.js";
import {t} from "./i18n.js";

const SIGNS = {mine: "you", unclaimed: "inbox", approvals: "shield", teams: "team", snoozed: "moon", resolved: "check"};

export function Rail() {
  const open = (view, filters) => () => { area.value = "inbox"; switchView(view, filters); };
  const here = (view) => area.value === "inbox" && list.value.view === view && !list.value.saved;
  return html`<nav class="rail" aria-label=${t("rail.title")} data-pane="rail" tabindex="-1">
    <ul>${VIEWS.map((view, index) => html`<li><button class="rail-button" aria-current=${here(view) ? "true" : undefined} title=${`${t(`view.${view}`)} (Alt+${index + 1})`} onClick=${open(view)}>
      ${icon(SIGNS[view])}<span class="rail-label">${t(`view.${view}`)}</span><${Count} view=${view} /></button></li>`)}
      ${me.value.role !== "agent" && html`<li><button class="rail-button" aria-current=${area.value === "supervisor" ? "true" : undefined} title=${`${t("view.supervisor")} (Alt+7)`} onClick=${() => { area.value = "supervisor"; }}>
        ${icon("board")}<span class="rail-label">${t("view.supervisor")}</span></button></li>`}</ul>
    ${state.value.views.length > 0 && html`<h2 class="unseen">${t("views.title")}</h2><ul class="saved">${state.value.views.map((one, index) => html`<li>
      <button class="rail-button" title=${one.name} onClick=${open(one.view, one.filters)}>${icon("bookmark")}<span class="rail-label">${one.name}</span></button>
      <button class="quiet remove" aria-label=${t("views.remove", {name: one.name})} onClick=${() => saveViews(state.value.views.filter((_, at) => at !== index))}>${icon("cross")}</button></li>`)}</ul>`}
  </nav>`;
}

function Count({view}) {
  const n = counts.value?.[view] ?? 0;
  if (!n || view === "resolved") return null;
  return html`<span class="badge">${n > 999 ? t("rail.many") : n}<span class="unseen"> ${t("rail.waiting", {n})}</span></span>`;
}
