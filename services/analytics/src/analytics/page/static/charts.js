// Which charts of /v1/query do several views show?
import {html} from "./html.js";
import {Chart} from "./chart.js";
import {Panel} from "./panel.js";
import {at} from "./format.js";
import {metric} from "./metrics.js";
import {question} from "./question.js";
import {BUCKETS} from "./route.js";
import {groups, lines} from "./series.js";
import {period, route} from "./store.js";
import {t} from "./i18n.js";

const ROWS_MAX = 10_000;
const isNothing = (data) => data.rows.length === 0;
const time = () => ({key: "at", label: t("column.time"), of: (row) => row.x, cell: (row) => at(row.x)});
/** To the end of the last bucket, also while it goes on. */
const reach = ({from_ms, to_ms}, bucket) => ({from: from_ms, to: Math.ceil(to_ms / BUCKETS[bucket]) * BUCKETS[bucket]});

/** Metrics of one kind of figures as lines over time. `unit` is that of all of them. */
export function Lines({title, note, figures, names, top, empty}) {
  const {bucket} = period.value;
  const request = question(route.value, period.value, {figures, metrics: names, bucket, limit: ROWS_MAX});
  const series = names.map((name, index) => ({label: metric(name).label, dash: index % 3}));
  const {unit} = metric(names[0]);
  const missing = unit === "count" ? 0 : null;
  const points = (data) => lines(data, bucket, names.map((name) => ({of: (row) => row[name], missing})));
  return html`<${Panel} title=${title} note=${note} request=${request} isEmpty=${isNothing} empty=${empty} topic=${bucket} table=${(data) => tableOf(points(data), series, unit)}>
    ${(data) => html`<${Chart} title=${title} data=${points(data)} series=${series} unit=${unit} top=${top} range=${reach(data, bucket)} />`}<//>`;
}

/** Parts of a whole over time as a stack of bars. `parts` [{label, colour, of}] of a row with `metrics`. */
export function Parts({title, note, figures, metrics, parts, unit, empty}) {
  const {bucket} = period.value;
  const request = question(route.value, period.value, {figures, metrics, bucket, limit: ROWS_MAX});
  const points = (data) => lines(data, bucket, parts.map(({of}) => ({of, missing: 0})));
  return html`<${Panel} title=${title} note=${note} request=${request} isEmpty=${isNothing} empty=${empty} topic=${bucket} table=${(data) => tableOf(points(data), parts, unit)}>
    ${(data) => html`<${Chart} title=${title} kind="stack" data=${points(data)} series=${parts.map(({label, colour}) => ({label, colour}))} unit=${unit} range=${reach(data, bucket)} />`}<//>`;
}

/** A metric by a dimension over time, as a stack; the smallest are one. */
export function Groups({title, note, figures, name, dimension, empty}) {
  const {bucket} = period.value;
  const {unit} = metric(name);
  const request = question(route.value, period.value, {figures, metrics: [name], dimensions: [dimension], bucket, limit: ROWS_MAX});
  const points = (data) => groups(data, bucket, {dimension, metric: name});
  const series = (names) => names.map((one) => ({label: one === null ? t("others") : one || t("nameless"), ...(one === null && {colour: "grey"})}));
  return html`<${Panel} title=${title} note=${note} request=${request} isEmpty=${isNothing} empty=${empty} topic=${bucket} table=${(data) => tableOf(points(data), series(points(data).names), unit)}>
    ${(data) => html`<${Chart} title=${title} kind="stack" data=${points(data)} series=${series(points(data).names)} unit=${unit} range=${reach(data, bucket)} />`}<//>`;
}

function tableOf({x, ys}, series, unit) {
  const columns = [time(), ...series.map(({label}, index) => ({key: `y${index}`, label, unit}))];
  const rows = x.map((ms, place) => ({id: ms, x: ms, ...Object.fromEntries(ys.map((values, index) => [`y${index}`, values[place]]))}));
  return {columns, rows: rows.reverse()};
}
