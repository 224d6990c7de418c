// What does an empty list say, and what can be done about it?
import {html, icon} from "./html.js";
import {counts, dispatch, list, now, rows} from "./store.js";
import {timeOf, t} from "./i18n.js";
import {switchView} from "./actions.js";
import {askPermission, canAsk} from "./notify.js";
import {preference} from "./preferences.js";

const firstRun = preference("first_run", "yes");

export function EmptyList() {
  const {view, filters} = list.value;
  if (Object.values(filters).some(Boolean)) {
    return html`<div class="empty">${icon("filter")}<h2>${t("empty.filtered")}</h2>
      <button onClick=${() => dispatch({type: "filters", filters: {}})}>${t("filters.clear")}</button></div>`;
  }
  if (firstRun.value === "yes" && rows.value.size === 0) return html`<${FirstRun} />`;
  const last = Math.max(0, ...[...rows.value.values()].map((row) => row.opened_ms));
  return html`<div class="empty">${icon("check")}<h2>${t(`empty.${view}`)}</h2>
    ${last > 0 && html`<p>${t("empty.last", {time: timeOf(last, now.value)})}</p>`}
    <p>${t("empty.numbers", {mine: counts.value?.mine ?? 0, unclaimed: counts.value?.unclaimed ?? 0})}</p></div>`;
}

function FirstRun() {
  return html`<div class="empty first-run"><h2>${t("first.title")}</h2><ol>
    <li>${t("first.status")}</li>
    <li>${t("first.notify")} ${canAsk() && html`<button onClick=${askPermission}>${t("first.allow")}</button>`}</li>
    <li>${t("first.keys")}</li></ol>
    <button onClick=${() => { firstRun.value = "no"; switchView("unclaimed"); }}>${t("first.done")}</button></div>`;
}
