// What is all this worth, and is it more than before?
import {html} from "./html.js";
import {Interval} from "./interval.js";
import {Panel} from "./panel.js";
import {Table} from "./table.js";
import {inCurrency, UNITS} from "./format.js";
import {unitOf} from "./metrics.js";
import {reading} from "./question.js";
import {period, route} from "./store.js";
import {t, word} from "./i18n.js";

const PACE_MS = 30_000; // Intervals are drawn a thousand times.
const MICRO = 1e6;
const UNKNOWN = {value: null, low: null, high: null};
const time = (ms) => new Date(ms).toISOString();

export function Kpis() {
  const {tenant, workflow} = route.value;
  const {from, to} = period.value;
  const request = reading("/v1/kpis", {tenant, workflow, from: time(from), to: to && time(to - 1), compare: "previous_period"});
  const isEmpty = (data) => data.period.figures.executions === 0 && Object.keys(data.period.figures.events).length === 0;
  return html`<div class="grid"><${Panel} title=${t("kpis.figures")} note=${t("kpis.figures.note")} request=${request} pace=${PACE_MS} wide=${true} isEmpty=${isEmpty}>${(data) => html`${!data.is_complete && html`<p class="warning">${t("incomplete")}</p>`}<${Figures} ...${data} />`}<//>
    <${Panel} title=${t("kpis.rates")} note=${t("kpis.rates.note")} request=${request} pace=${PACE_MS} wide=${true} isEmpty=${isEmpty}>${(data) => html`<${Rates} ...${data} />`}<//>
    <${Panel} title=${t("kpis.events")} request=${request} pace=${PACE_MS} isEmpty=${(data) => Object.keys(data.period.figures.events).length === 0} empty=${t("kpis.events.none")}>${(data) => html`<${Events} ...${data.period.figures} />`}<//>
    <${Panel} title=${t("kpis.csat")} note=${t("kpis.csat.note")} request=${request} pace=${PACE_MS} isEmpty=${(data) => Object.values(data.period.figures.csat).every(({ratings}) => ratings === 0)} empty=${t("kpis.csat.none")}>${(data) => html`<${Csat} ...${data.period.figures} />`}<//></div>`;
}

/** The names of both sides: what there was before and is not now has fallen to nothing. */
const eitherOf = (now, before) => [...new Set([...Object.keys(now), ...Object.keys(before ?? {})])];
const revenue = ({revenue_micros}, currency) => inCurrency((revenue_micros[currency] ?? 0) / MICRO, currency);

function Figures({period: {figures}, against}) {
  const shown = [
    ["unaided", figures.executions ? UNITS.percent.short(figures.unaided / figures.executions) : UNITS.percent.short(null), t("kpis.of", {n: UNITS.count.short(figures.executions)})],
    ["time_saved", UNITS.ms.short(figures.time_saved_ms), against && UNITS.ms.short(against.figures.time_saved_ms)],
    ["cost_saved", inCurrency(figures.cost_saved_microdollars / MICRO, "USD"), against && inCurrency(against.figures.cost_saved_microdollars / MICRO, "USD")],
    ["cost", inCurrency(figures.cost_microdollars / MICRO, "USD"), against && inCurrency(against.figures.cost_microdollars / MICRO, "USD")],
    ...eitherOf(figures.revenue_micros, against?.figures.revenue_micros).map((currency) => ["revenue", revenue(figures, currency), against && revenue(against.figures, currency)]),
  ];
  return html`<div class="tiles is-inner">${shown.map(([name, value, before], index) => html`<div class="tile" key=${index} data-kpi=${name}><span class="tile-label">${t(`kpis.${name}`)}</span><b class="tile-value">${value}</b>
    ${before && html`<span class="moved muted">${name === "unaided" ? before : t("kpis.before", {value: before})}</span>`}</div>`)}</div>`;
}

const scaled = (name, value) => (value === null || value === undefined ? null : /_micro(s|dollars)_/.test(name) ? value / MICRO : value);

function Rates({period: {figures}, against}) {
  const rows = eitherOf(figures.rates, against?.figures.rates).map((name) => ({id: name, name, ...(figures.rates[name] ?? UNKNOWN), moved: against?.differences[name], before: against?.figures.rates[name]?.value}));
  const figure = (key, of) => ({key, label: t(`column.${key}`), unit: "number", of, cell: (row) => UNITS[unitOf(row.name)].short(scaled(row.name, of(row)))});
  const [kind, labelOf] = [(name) => name.split(".")[0], (name) => name.split(".")[1]];
  const columns = [
    {key: "name", label: t("column.rate"), cell: ({name}) => html`${word("rate", kind(name))}${labelOf(name) && html` <span class="muted">${word("by", labelOf(name))}</span>`}`},
    figure("value", ({value}) => value),
    {key: "low", label: t("column.interval"), unit: "number", cell: ({name, value, low, high}) => (value === null || low === null ? html`<span class="muted">${t("interval.none")}</span>` : html`<span class="figure">${UNITS[unitOf(name)].short(scaled(name, low))} … ${UNITS[unitOf(name)].short(scaled(name, high))}</span>`)},
    figure("before", ({before}) => before),
    {key: "moved", label: t("column.difference"), unit: "number", of: ({moved}) => moved?.difference, cell: ({name, moved}) => html`<${Interval} low=${scaled(name, moved?.low)} high=${scaled(name, moved?.high)} value=${scaled(name, moved?.difference)} unit=${unitOf(name)} />`},
  ];
  return html`<${Table} caption=${t("kpis.rates")} columns=${columns} rows=${rows} />`;
}

function Events({events}) {
  const columns = [{key: "name", label: t("column.event"), of: ({name}) => word("event", name)}, {key: "count", label: t("column.count"), unit: "count"},
    {key: "sums", label: t("column.sum"), cell: ({sums_micros}) => Object.entries(sums_micros).map(([currency, micros]) => (currency === "none" ? UNITS.number.short(micros / MICRO) : inCurrency(micros / MICRO, currency))).join(", ")}];
  return html`<${Table} caption=${t("kpis.events")} columns=${columns} rows=${Object.entries(events).map(([name, one]) => ({id: name, name, ...one}))} />`;
}

function Csat({csat}) {
  const columns = [{key: "by", label: t("column.by"), of: ({by}) => word("by", by)}, {key: "ratings", label: t("column.ratings"), unit: "count"}, {key: "mean", label: t("column.mean"), unit: "number"}, {key: "satisfied_share", label: t("column.satisfied"), unit: "percent"}];
  return html`<${Table} caption=${t("kpis.csat")} columns=${columns} rows=${Object.entries(csat).map(([by, one]) => ({id: by, by, ...one}))} />`;
}
