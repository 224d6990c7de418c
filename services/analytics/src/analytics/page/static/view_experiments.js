// Which version is better, and is that sure enough to decide on?
import {html} from "./html.js";
import {Chart} from "./chart.js";
import {Interval} from "./interval.js";
import {Panel} from "./panel.js";
import {Phase} from "./alerts.js";
import {Table} from "./table.js";
import {at, UNITS} from "./format.js";
import {unitOf} from "./metrics.js";
import {reading} from "./question.js";
import {itemOf, partsOf} from "./route.js";
import {address, route} from "./store.js";
import {t, word} from "./i18n.js";

const PACE_MS = 30_000; // A report looks at every conversation.
const SHOWN_MAX = 200; // The most that the service lists.
const short = (metric, value) => UNITS[unitOf(metric)].short(value);

export function Experiments() {
  const {tenant, workflow, item} = route.value;
  const parts = partsOf(item, 2);
  return html`<div class="grid"><${All} request=${reading("/v1/experiments", {tenant, limit: SHOWN_MAX})} workflow=${workflow} />${parts && html`<${One} key=${item} parts=${parts} />`}</div>`;
}

function All({request, workflow}) {
  const shown = ({experiments}) => experiments.filter((one) => !workflow || one.workflow === workflow);
  const columns = [
    {key: "name", label: t("column.experiment"), cell: (row) => html`<a href=${address({item: itemOf(row.tenant, row.name)})} aria-current=${route.value.item === itemOf(row.tenant, row.name) ? "true" : undefined}>${row.name}</a>`},
    {key: "workflow", label: t("dimension.workflow")},
    {key: "arms", label: t("column.arms"), of: ({arms}) => arms.map(({version, percent}) => `${version} ${percent} %`).join(" · ")},
    {key: "metrics", label: t("column.decided_by"), of: ({metrics}) => metrics.map((one) => word("metric", one)).join(", ")},
    {key: "started_ms", label: t("column.started"), cell: ({started_ms}) => html`<time>${at(started_ms)}</time>`},
    {key: "state", label: t("column.state"), of: ({state}) => word("phase", state), cell: ({state}) => html`<${Phase} phase=${state} />`},
  ];
  return html`<${Panel} title=${t("experiments")} note=${t("experiments.note")} request=${request} wide=${true} isEmpty=${(data) => shown(data).length === 0} empty=${t("experiments.none")}>
    ${(data) => html`<${Table} caption=${t("experiments")} columns=${columns} rows=${shown(data)} sorted=${{key: "started_ms", down: true}} />`}<//>`;
}

function One({parts}) {
  const request = reading(`/v1/experiments/${itemOf(...parts)}`);
  return html`<${Panel} title=${t("experiments.one", {name: parts[1]})} note=${t("experiments.one.note")} request=${request} pace=${PACE_MS} wide=${true}>${(data) => html`<${Report} ...${data} />`}<//>
    <${History} request=${request} />`;
}

function Report({report, is_complete}) {
  const {arms, comparisons, sample_ratio: ratio, reasons, verdict} = report;
  const metrics = Object.keys(arms[0]?.means ?? {});
  const columns = [
    {key: "version", label: t("column.arm"), cell: ({version}) => html`${version}${version === arms[0].version && html` <span class="muted">${t("experiments.control")}</span>`}`},
    {key: "percent", label: t("column.share"), unit: "percent", of: ({percent}) => percent / 100},
    {key: "conversations", label: t("column.conversations"), unit: "count"},
    {key: "ended", label: t("column.ended"), unit: "count"},
    ...metrics.map((metric) => ({key: metric, label: word("metric", metric), unit: unitOf(metric), of: ({means}) => means[metric]})),
  ];
  return html`<p class="verdict"><${Phase} phase=${verdict} />${reasons.map(({text, code}) => html`<span key=${code}>${text}</span>`)}</p>
    ${!is_complete && html`<p class="warning">${t("incomplete")}</p>`}
    ${ratio.is_mismatch && html`<p class="warning">${t("experiments.mismatch", {p: ratio.p_value.toPrecision(2)})}</p>`}
    <${Table} caption=${t("experiments.arms")} columns=${columns} rows=${arms.map((arm) => ({...arm, id: arm.version}))} />
    ${comparisons.map((one) => html`<${Comparison} key=${one.version} ...${one} />`)}`;
}

function Comparison({version, control, verdict, reasons, metrics, guardrails}) {
  const title = t("experiments.against", {version, control});
  const named = {key: "metric", label: t("column.metric"), cell: ({metric}) => word("metric", metric)};
  const both = ["control", "treatment"].map((key) => ({key, label: t(`column.${key}`), unit: "number", cell: (row) => short(row.metric, row[key])}));
  const found = [named, ...both,
    {key: "difference", label: t("column.difference"), unit: "number", cell: ({metric, difference}) => short(metric, difference)},
    {key: "low", label: t("column.interval"), unit: "number", cell: ({metric, low, high, difference}) => html`<${Interval} low=${low} high=${high} value=${difference} unit=${unitOf(metric)} />`},
    {key: "finding", label: t("column.finding"), of: ({finding}) => word("finding", finding)}];
  const guarded = [named, ...both,
    {key: "tolerance", label: t("column.tolerance"), unit: "percent"},
    {key: "is_breached", label: t("column.state"), of: ({is_breached}) => Number(is_breached), cell: ({is_breached}) => html`<${Phase} phase=${is_breached ? "broken" : "kept"} />`}];
  return html`<section class="part" aria-label=${title}><h3>${title} <${Phase} phase=${verdict} /></h3>${reasons.map(({text, code}) => html`<p key=${code} class="muted small-text">${text}</p>`)}
    <${Table} caption=${t("experiments.metrics")} columns=${found} rows=${metrics.map((one) => ({...one, id: one.metric}))} />
    <h3>${t("experiments.guardrails")}</h3><${Table} caption=${t("experiments.guardrails")} columns=${guarded} rows=${guardrails.map((one) => ({...one, id: one.metric}))} /></section>`;
}

/** How the interval of the first metric closed in: it holds at every moment, so looking early costs nothing. */
function History({request}) {
  const title = t("experiments.history");
  const series = [{label: t("column.high"), colour: "grey", dash: 1}, {label: t("column.difference"), colour: "blue"}, {label: t("column.low"), colour: "grey", dash: 1}];
  const table = (data) => {
    const {rows, unit} = firstMetric(data);
    return {columns: [{key: "at_ms", label: t("column.time"), cell: ({at_ms}) => at(at_ms)}, ...["low", "difference", "high"].map((key) => ({key, label: t(`column.${key}`), unit}))], rows};
  };
  const chart = (data) => {
    const {rows, unit} = firstMetric(data);
    const [x, ...ys] = ["at_ms", "high", "difference", "low"].map((key) => rows.map((row) => row[key]));
    return html`<${Chart} title=${title} data=${{x, ys}} series=${series} unit=${unit} range=${{from: x[0], to: x.at(-1)}} zoom=${false} isAround=${true} />`;
  };
  return html`<${Panel} title=${title} note=${t("experiments.history.note")} request=${request} pace=${PACE_MS} wide=${true} isEmpty=${(data) => firstMetric(data).rows.length < 2} empty=${t("experiments.history.none")} table=${table}>${chart}<//>`;
}

/** Of the first version that is compared, where there was enough to tell. */
function firstMetric({history}) {
  const measured = history.filter(({version, metrics: [one]}) => version === history[0].version && one && one.low !== null);
  const rows = measured.map(({at_ms, metrics: [one]}) => ({...one, id: at_ms, at_ms}));
  return {rows, unit: rows.length ? unitOf(rows[0].metric) : "number"};
}
