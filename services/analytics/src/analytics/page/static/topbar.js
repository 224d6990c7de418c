// Whose figures are shown, over which period, and how new are they?
import {useState} from "preact/hooks";
import {html, icon} from "./html.js";
import {at, UNITS} from "./format.js";
import {PERIODS} from "./route.js";
import {address, connection, count, go, me, period, route, theme, workflows} from "./store.js";
import {t} from "./i18n.js";

const THEMES = {auto: "light", light: "dark", dark: "auto"};
const ICONS = {auto: "half", light: "sun", dark: "moon"};

export function TopBar() {
  const next = THEMES[theme.value];
  return html`<header class="topbar">
    <a class="brand" href=${address({view: "overview"})} aria-label=${t("title")}>${icon("chart")}<b>${t("title")}</b></a>
    <${Whose} /><${Period} /><span class="grow"></span><${Live} />
    ${me.value?.has_session && html`<form method="post" action="/logout"><button class="quiet small">${t("sign_out")}</button></form>`}
    <button class="quiet square" aria-label=${t("theme.next", {theme: t(`theme.${next}`)})} title=${t(`theme.${theme.value}`)} onClick=${() => { theme.value = next; }}>${icon(ICONS[theme.value])}</button>
  </header>`;
}

function Whose() {
  const {tenant, workflow} = route.value;
  const tenants = [...new Set(workflows.value.map((one) => one.tenant))].sort();
  const names = [...new Set(workflows.value.filter((one) => !tenant || one.tenant === tenant).map((one) => one.workflow))].sort();
  return html`${(tenants.length > 1 || tenant) && html`<${Choice} label=${t("filter.tenant")} all=${t("filter.tenants")} value=${tenant} values=${tenants} onChange=${(value) => go({tenant: value, workflow: null})} />`}
    <${Choice} label=${t("filter.workflow")} all=${t("filter.workflows")} value=${workflow} values=${names} onChange=${(value) => go({workflow: value})} />`;
}

function Choice({label, all, value, values, onChange}) {
  const known = value && !values.includes(value) ? [value, ...values] : values;
  return html`<select aria-label=${label} value=${value ?? ""} onChange=${({target}) => onChange(target.value || null)}>
    <option value="" selected=${!value}>${all}</option>${known.map((one) => html`<option key=${one} value=${one} selected=${one === value}>${one}</option>`)}</select>`;
}

function Period() {
  const [isOpen, setOpen] = useState(false);
  const {from, period: chosen} = route.value;
  return html`<nav class="periods" aria-label=${t("period.label")}>
    ${Object.keys(PERIODS).map((name) => html`<a key=${name} class="period" href=${address({period: name, from: null, to: null, item: route.value.item})} aria-current=${!from && name === chosen ? "true" : undefined} title=${t(`period.${name}`)}>${name}</a>`)}
    <button class="period" aria-expanded=${isOpen} aria-current=${from ? "true" : undefined} onClick=${() => setOpen(!isOpen)}>${from ? `${at(from)} – ${at(route.value.to)}` : t("period.own")}</button>
    ${isOpen && html`<${OwnPeriod} close=${() => setOpen(false)} />`}</nav>`;
}

/** For whoever does not drag over a chart. */
function OwnPeriod({close}) {
  const [problem, setProblem] = useState(null);
  const [typed, setTyped] = useState(() => ({from: local(period.value.from), to: local(period.value.to ?? count.value.now)}));
  const submitted = (event) => {
    event.preventDefault();
    const [from, to] = [typed.from, typed.to].map((text) => new Date(text).getTime());
    if (!(from + 60_000 <= to)) return setProblem(t("period.wrong"));
    go({from, to, item: route.value.item});
    return close();
  };
  const field = (name) => html`<input type="datetime-local" required value=${typed[name]} onInput=${({target}) => setTyped({...typed, [name]: target.value})} />`;
  return html`<form class="own-period" onSubmit=${submitted} onKeyDown=${({key}) => key === "Escape" && close()}>
    <label>${t("period.from")}${field("from")}</label>
    <label>${t("period.to")}${field("to")}</label>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <footer><button type="submit" class="primary">${t("period.show")}</button><button type="button" onClick=${close}>${t("cancel")}</button></footer></form>`;
}

const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

function Live() {
  const {as_of_seq} = count.value;
  return html`<span class=${`connection connection-${connection.value}`} title=${as_of_seq === null ? undefined : t("live.through", {n: UNITS.number.exact(as_of_seq)})}><i class="dot" aria-hidden="true"></i><span>${t(`live.${connection.value}`)}</span>
    ${as_of_seq !== null && html`<span class="muted seq" data-seq=${as_of_seq}>${UNITS.number.exact(as_of_seq)}</span>`}</span>`;
}
