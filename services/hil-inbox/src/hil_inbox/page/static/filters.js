// Which part of a view does a person want to see?
import {html, icon} from "./html.js";
import {dispatch, list, rows, state} from "./store.js";
import {saveViews} from "./actions.js";
import {t, word} from "./i18n.js";
import {computed, signal} from "@preact/signals";

const shown = signal(false);
const seen = (field) => computed(() => [...new Set([...rows.value.values()].map((row) => row[field]).filter(Boolean))].sort().slice(0, 50));
const choices = {queue: seen("queue"), priority: seen("priority"), reason: seen("reason")};
const set = (name, value) => dispatch({type: "filters", filters: {...list.value.filters, [name]: value || undefined}});

export function Filters() {
  const {filters, view, order} = list.value;
  const active = Object.values(filters).filter(Boolean).length;
  return html`<header class="list-head">
    <div class="line"><h1>${t(`view.${view}`)} <span class="count">${order.length}</span></h1><span class="grow"></span>
      <button class="quiet small" aria-expanded=${shown.value} aria-controls="filters" onClick=${() => { shown.value = !shown.value; }}>
        ${icon("filter")}${active ? t("filters.active", {n: active}) : t("filters")}</button></div>
    ${shown.value && html`<div id="filters" class="filters">
      <input type="search" aria-label=${t("filters.text")} placeholder=${t("filters.text")} value=${filters.text ?? ""} onInput=${(event) => set("text", event.target.value)} />
      ${Object.entries(choices).map(([name, values]) => html`<select aria-label=${t(`filters.${name}`)} value=${filters[name] ?? ""} onChange=${(event) => set(name, event.target.value)}>
        <option value="">${t(`filters.${name}`)}</option>
        ${values.value.map((one) => html`<option value=${one}>${word(name, one)}</option>`)}</select>`)}
      ${active > 0 && html`<div class="line"><button class="quiet small" onClick=${() => dispatch({type: "filters", filters: {}})}>${t("filters.clear")}</button>
        <${SaveView} /></div>`}
    </div>`}
  </header>`;
}

function SaveView() {
  const save = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (name) saveViews([...state.value.views, {name, view: list.value.view, filters: list.value.filters}].slice(-20));
  };
  return html`<form class="line" onSubmit=${save}><input name="name" maxlength="40" aria-label=${t("views.name")} placeholder=${t("views.name")} />
    <button class="small">${t("views.save")}</button></form>`;
}
