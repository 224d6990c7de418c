// How did which version do on which suite, and was it let pass?
import {html} from "./html.js";
import {Chart} from "./chart.js";
import {Panel} from "./panel.js";
import {Phase} from "./alerts.js";
import {Table} from "./table.js";
import {at, UNITS} from "./format.js";
import {reading} from "./question.js";
import {address, route} from "./store.js";
import {t} from "./i18n.js";

const SHOWN_MAX = 200;
const SHARES = ["pass_rate", "success_rate", "handover_rate"];
const LINES = [{key: "pass_rate", dash: 0}, {key: "pass_all", dash: 2}, {key: "success_rate", dash: 1}];

export function Evaluations() {
  const {tenant, workflow} = route.value;
  const request = reading("/v1/evaluations", {tenant, workflow, limit: SHOWN_MAX});
  return html`<div class="grid"><${History} request=${request} /><${All} request=${request} /></div>`;
}

const last = (figures) => figures.pass_k?.at(-1) ?? null;
/** Of the suite that was chosen, or the one that was played last; oldest first. */
function ofSuite({evaluations}) {
  const suite = route.value.item ?? evaluations[0]?.suite;
  return evaluations.filter((one) => one.suite === suite).sort((one, other) => one.finished_ms - other.finished_ms);
}

function History({request}) {
  const value = ({figures}, key) => (key === "pass_all" ? last(figures) : figures[key]);
  const series = LINES.map(({key, dash}) => ({label: t(`evaluations.${key}`), dash}));
  const lines = (data) => ({x: ofSuite(data).map(({finished_ms}) => finished_ms), ys: LINES.map(({key}) => ofSuite(data).map((one) => value(one, key)))});
  const range = (data) => ({from: ofSuite(data)[0].finished_ms, to: ofSuite(data).at(-1).finished_ms});
  const suites = ({evaluations}) => [...new Set(evaluations.map(({suite}) => suite))];
  return html`<${Panel} title=${t("evaluations.history")} note=${t("evaluations.history.note")} request=${request} wide=${true} isEmpty=${(data) => data.evaluations.length === 0} empty=${t("evaluations.none")}>
    ${(data) => html`${suites(data).length > 1 && html`<nav class="suites" aria-label=${t("evaluations.suites")}>${suites(data).map((suite) => html`<a key=${suite} class="button" href=${address({item: suite})} aria-current=${ofSuite(data)[0]?.suite === suite ? "true" : undefined}>${suite}</a>`)}</nav>`}
      ${ofSuite(data).length > 1 ? html`<${Chart} title=${t("evaluations.history")} data=${lines(data)} series=${series} unit="percent" top=${1} range=${range(data)} zoom=${false} />` : html`<p class="muted">${t("evaluations.one")}</p>`}`}<//>`;
}

function All({request}) {
  const figure = (key, unit) => ({key, label: t(`evaluations.${key}`), unit, of: ({figures}) => (key === "pass_all" ? last(figures) : figures[key])});
  const columns = [
    {key: "finished_ms", label: t("column.time"), cell: ({finished_ms}) => html`<time>${at(finished_ms)}</time>`},
    {key: "suite", label: t("column.suite"), cell: ({suite, replayed}) => html`${suite}${replayed && html` <span class="muted">${t("evaluations.replayed")}</span>`}`},
    {key: "workflow", label: t("dimension.workflow"), cell: ({workflow, version}) => html`${workflow} <span class="muted">${version}</span>`},
    {key: "trials", label: t("column.trials"), unit: "count", cell: ({trials, cases}) => html`<span title=${t("evaluations.trials", {cases: UNITS.count.exact(cases)})}>${UNITS.count.short(trials)}</span>`},
    ...SHARES.map((key) => figure(key, "percent")), figure("pass_all", "percent"), figure("cost_per_request", "usd"), figure("p95_latency_ms", "ms"),
    {key: "verdict", label: t("column.verdict"), cell: ({verdict, findings}) => html`<${Phase} phase=${verdict} />${findings?.length > 0 && html`<details class="findings"><summary>${t("evaluations.findings", {n: findings.length})}</summary><ul>${findings.map((one) => html`<li key=${one}>${one}</li>`)}</ul></details>`}`},
  ];
  return html`<${Panel} title=${t("evaluations.all")} request=${request} wide=${true} isEmpty=${(data) => data.evaluations.length === 0} empty=${t("evaluations.none")}>
    ${(data) => html`<${Table} caption=${t("evaluations.all")} columns=${columns} rows=${data.evaluations} />`}<//>`;
}
