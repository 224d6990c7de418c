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
export function Lines({figures, names, top, ...told}) {
  const series = names.map((name, index) => ({label: metric(name).label, dash: index % 3}));
  const {unit} = metric(names[0]);
  const columns = names.map((name) => ({of: (row) => row[name], missing: unit === "count" ? 0 : null}));
  return html`<${OverTime} ...${told} asked=${{figures, metrics: names}} unit=${unit} top=${top} drawn=${(data, bucket) => ({series, ...lines(data, bucket, columns)})} />`;
}

/** Parts of a whole over time as a stack of bars. `parts` [{label, colour, of}] of a row with `metrics`. */
export function Parts({figures, metrics, parts, ...told}) {
  const series = parts.map(({label, colour}) => ({label, colour}));
  const columns = parts.map(({of}) => ({of, missing: 0}));
  return html`<${OverTime} ...${told} asked=${{figures, metrics}} kind="stack" drawn=${(data, bucket) => ({series, ...lines(data, bucket, columns)})} />`;
}

/** A metric by a dimension over time, as a stack; the smallest are one. */
export function Groups({figures, name, dimension, ...told}) {
  const drawn = (data, bucket) => {
    const {names, x, ys} = groups(data, bucket, {dimension, metric: name});
    return {series: names.map((one) => ({label: one === null ? t("others") : one || t("nameless"), ...(one === null && {colour: "grey"})})), x, ys};
  };
  return html`<${OverTime} ...${told} asked=${{figures, metrics: [name], dimensions: [dimension]}} unit=${metric(name).unit} kind="stack" drawn=${drawn} />`;
}

/** `drawn(data, bucket)` {series, x, ys}, in the buckets that were asked for when the answer was: those of now may be others. */
function OverTime({title, note, asked, unit, kind, top, empty, drawn}) {
  const request = question(route.value, period.value, {...asked, bucket: period.value.bucket, limit: ROWS_MAX});
  const table = (data, {body}) => tableOf(drawn(data, body.bucket), unit);
  const show = (data, {body: {bucket}}) => {
    const {series, ...points} = drawn(data, bucket);
    return html`<${Chart} title=${title} kind=${kind} data=${points} series=${series} unit=${unit} top=${top} range=${reach(data, bucket)} />${data.is_cut && html`<p class="muted small-text">${t("chart.cut", {n: ROWS_MAX})}</p>`}`;
  };
  return html`<${Panel} title=${title} note=${note} request=${request} isEmpty=${isNothing} empty=${empty} table=${table}>${show}<//>`;
}

function tableOf({series, x, ys}, unit) {
  const columns = [time(), ...series.map(({label}, index) => ({key: `y${index}`, label, unit}))];
  const rows = x.map((ms, place) => ({id: ms, x: ms, ...Object.fromEntries(ys.map((values, index) => [`y${index}`, values[place]]))}));
  return {columns, rows: rows.reverse()};
}
