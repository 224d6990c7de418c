// Are the workflows' promises kept, and how much of each error budget is left?
import {html} from "./html.js";
import {Alerts, Phase} from "./alerts.js";
import {Chart} from "./chart.js";
import {Panel} from "./panel.js";
import {Bar, Table} from "./table.js";
import {at, since, UNITS} from "./format.js";
import {unitOf} from "./metrics.js";
import {reading} from "./question.js";
import {itemOf, partsOf} from "./route.js";
import {address, route} from "./store.js";
import {t} from "./i18n.js";

const RANK = ["kept", "no_data", "pending", "broken", "firing"];

export function Slos() {
  const {tenant, workflow, item} = route.value;
  const parts = partsOf(item, 3);
  return html`<div class="grid"><${All} request=${reading("/v1/slos", {tenant, workflow})} />${parts && html`<${BurnDown} parts=${parts} />`}<${Alerts} /></div>`;
}

const nameOf = ({tenant, workflow, slo}) => itemOf(tenant, workflow, slo);
/** What its alerts say while one is active, else what was measured and what is left of the budget, where it has one. */
function stateOf({alerts, holds, budget_left}) {
  const phases = (alerts ?? []).map(({phase}) => phase);
  const active = ["firing", "pending"].find((phase) => phases.includes(phase));
  if (active) return active;
  if (holds === null) return "no_data";
  return !holds || (budget_left !== null && budget_left <= 0) ? "broken" : "kept";
}
const writing = ({objective}) => UNITS[unitOf(objective.split(" ")[0])];

function All({request}) {
  const columns = [
    {key: "slo", label: t("column.slo"), cell: (row) => html`<a href=${address({item: nameOf(row)})} aria-current=${nameOf(row) === route.value.item ? "true" : undefined}>${row.slo}</a>`},
    {key: "workflow", label: t("dimension.workflow"), cell: ({workflow, version}) => html`${workflow} <span class="muted">${version}</span>`},
    {key: "objective", label: t("column.objective")},
    {key: "measured", label: t("column.measured"), unit: "number", cell: (row) => html`<span title=${writing(row).exact(row.measured)}>${writing(row).short(row.measured)}</span>`},
    {key: "events", label: t("column.events"), unit: "count", cell: (row) => html`${UNITS.count.short(row.events)}${row.events < row.minimum_events && html` <span class="muted">${t("slos.too_few", {n: row.minimum_events})}</span>`}`},
    {key: "window_seconds", label: t("column.window"), unit: "ms", cell: ({window_seconds}) => since(window_seconds * 1000)},
    {key: "budget_left", label: t("column.budget_left"), unit: "percent", cell: ({budget_left: left}) => html`<${Bar} part=${left} tone=${left > 0.25 ? "good" : left > 0 ? "warn" : "bad"}>${UNITS.percent.short(left)}<//>`},
    {key: "state", label: t("column.state"), of: (row) => RANK.indexOf(stateOf(row)), cell: (row) => html`<${Phase} phase=${stateOf(row)} />`},
  ];
  return html`<${Panel} title=${t("slos")} note=${t("slos.note")} request=${request} wide=${true} isEmpty=${(data) => data.slos.length === 0} empty=${t("slos.none")}>
    ${(data) => html`<${Table} caption=${t("slos")} columns=${columns} rows=${data.slos} sorted=${{key: "budget_left", down: false}} />`}<//>`;
}

/** From a full budget to what is left: below zero the promise is broken. */
function BurnDown({parts}) {
  const [, workflow, slo] = parts;
  const item = itemOf(...parts);
  const title = t("slos.burn_down", {slo, workflow});
  const points = ({points: all}) => ({x: all.map(({at_ms}) => at_ms), ys: [all.map(({left}) => left)]});
  const range = (data) => ({from: data.points[0].at_ms, to: data.points.at(-1).at_ms});
  const table = (data) => ({columns: [{key: "at_ms", label: t("column.time"), cell: ({at_ms}) => at(at_ms)}, {key: "left", label: t("column.budget_left"), unit: "percent"}], rows: [...data.points].reverse()});
  return html`<${Panel} title=${title} note=${t("slos.burn_down.note")} request=${reading(`/v1/slos/${item}/burn-down`)} wide=${true} isEmpty=${(data) => data.points.length < 2} empty=${t("slos.burn_down.none")} table=${table}>
    ${(data) => html`<${Chart} title=${title} data=${points(data)} series=${[{label: t("column.budget_left"), colour: "green"}]} unit="percent" top=${1} range=${range(data)} zoom=${false} />`}<//>`;
}

