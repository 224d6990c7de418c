// How did which version do on which suite, and was it let pass?
import {html} from "./html.js";
import {Chart} from "./chart.js";
import {Panel} from "./panel.js";
import {Phase} from "./alerts.js";
import {Table} from "./table.js";
import {at, UNITS} from "./format.js";
import {commonK, histories} from "./histories.js";
import {reading} from "./question.js";
import {address, route} from "./store.js";
import {t} from "./i18n.js";

const SHOWN_MAX = 200;
const SHARES = ["pass_rate", "success_rate", "handover_rate"];
const isNothing = ({evaluations}) => evaluations.length === 0;

export function Evaluations() {
  const {tenant, workflow} = route.value;
  const request = reading("/v1/evaluations", {tenant, workflow, limit: SHOWN_MAX});
  return html`<div class="grid"><${History} request=${request} /><${All} request=${request} /></div>`;
}

function History({request}) {
  const title = t("evaluations.history");
  const show = ({evaluations}) => {
    const found = histories(evaluations);
    const chosen = found.has(route.value.item) ? route.value.item : found.keys().next().value;
    return html`${found.size > 1 && html`<${Choice} found=${found} chosen=${chosen} />`}<${OverTime} title=${title} played=${found.get(chosen)} />`;
  };
  return html`<${Panel} title=${title} note=${t("evaluations.history.note")} request=${request} wide=${true} isEmpty=${isNothing} empty=${t("evaluations.none")}>${show}<//>`;
}

function Choice({found, chosen}) {
  const tenants = new Set([...found.values()].map(([{tenant}]) => tenant));
  const told = ({tenant, workflow, replayed}) => [tenants.size > 1 && tenant, workflow, replayed && t("evaluations.replayed")].filter(Boolean).join(" · ");
  return html`<nav class="suites" aria-label=${t("evaluations.suites")}>${[...found].map(([name, [one]]) => html`<a key=${name} class="button" href=${address({item: name})} aria-current=${name === chosen ? "true" : undefined}>${one.suite} <span class="small-text">${told(one)}</span></a>`)}</nav>`;
}

function OverTime({title, played}) {
  if (played.length < 2) return html`<p class="muted">${t("evaluations.one")}</p>`;
  const k = commonK(played);
  const lines = [
    {label: t("evaluations.pass_rate"), dash: 0, of: ({pass_rate}) => pass_rate},
    ...(k < Infinity ? [{label: t("evaluations.pass_all", {k}), dash: 2, of: ({pass_k}) => pass_k?.[k - 1] ?? null}] : []),
    {label: t("evaluations.success_rate"), dash: 1, of: ({success_rate}) => success_rate},
  ];
  const x = played.map(({finished_ms}) => finished_ms);
  const ys = lines.map(({of}) => played.map(({figures}) => of(figures)));
  return html`<${Chart} title=${title} data=${{x, ys}} series=${lines.map(({label, dash}) => ({label, dash}))} unit="percent" top=${1} range=${{from: x[0], to: x.at(-1)}} zoom=${false} />`;
}

function All({request}) {
  const figure = (key, unit) => ({key, label: t(`evaluations.${key}`), unit, of: ({figures}) => figures[key]});
  const passed = {key: "pass_all", label: t("evaluations.pass_all", {k: "k"}), unit: "percent", of: ({figures}) => figures.pass_k?.at(-1), cell: ({figures: {pass_k}}) => html`${UNITS.percent.short(pass_k?.at(-1))}${pass_k?.length > 0 && html` <span class="muted small-text">${t("evaluations.pass_all", {k: pass_k.length})}</span>`}`};
  const columns = [
    {key: "finished_ms", label: t("column.time"), cell: ({finished_ms}) => html`<time>${at(finished_ms)}</time>`},
    {key: "suite", label: t("column.suite"), cell: ({suite, replayed}) => html`${suite}${replayed && html` <span class="muted">${t("evaluations.replayed")}</span>`}`},
    {key: "workflow", label: t("dimension.workflow"), cell: ({workflow, version}) => html`${workflow} <span class="muted">${version}</span>`},
    {key: "trials", label: t("column.trials"), unit: "count", cell: ({trials, cases}) => html`<span title=${t("evaluations.trials", {cases: UNITS.count.exact(cases)})}>${UNITS.count.short(trials)}</span>`},
    ...SHARES.map((key) => figure(key, "percent")), passed, figure("cost_per_request", "usd"), figure("p95_latency_ms", "ms"),
    {key: "verdict", label: t("column.verdict"), cell: ({verdict, findings}) => html`<${Phase} phase=${verdict} />${findings?.length > 0 && html`<details class="findings"><summary>${t("evaluations.findings", {n: findings.length})}</summary><ul>${findings.map((one) => html`<li key=${one}>${one}</li>`)}</ul></details>`}`},
  ];
  return html`<${Panel} title=${t("evaluations.all")} request=${request} wide=${true} isEmpty=${isNothing} empty=${t("evaluations.none")}>
    ${(data) => html`<${Table} caption=${t("evaluations.all")} columns=${columns} rows=${data.evaluations} />`}<//>`;
}
