// How do the values of a dimension compare over the whole period?
import {html} from "./html.js";
import {Panel} from "./panel.js";
import {Bar, Table} from "./table.js";
import {UNITS} from "./format.js";
import {columns, metric} from "./metrics.js";
import {question} from "./question.js";
import {period, route} from "./store.js";
import {t, word} from "./i18n.js";

const ROWS_MAX = 200;

/** A table of metrics by dimensions, the largest of `by` first, with a bar for its share of the largest. `link` leads on. */
export function Breakdown({title, note, figures, dimensions, names, by, link, empty, filters}) {
  const request = question(route.value, period.value, {figures, metrics: names, dimensions, order_by: `-${by}`, limit: ROWS_MAX, ...(filters && {filters})});
  const {short, exact} = UNITS[metric(by).unit];
  const shown = (most) => [
    ...dimensions.map((name, index) => ({key: name, label: word("dimension", name), cell: (row) => named(row, name, index === 0 && link)})),
    ...columns(...names).map((column) => (column.key === by ? {...column, cell: (row) => html`<${Bar} part=${most ? row[by] / most : 0}><span title=${exact(row[by])}>${short(row[by])}</span><//>`} : column)),
  ];
  return html`<${Panel} title=${title} note=${note} request=${request} wide=${true} isEmpty=${(data) => data.rows.length === 0} empty=${empty}>
    ${(data) => html`<${Table} caption=${title} columns=${shown(Math.max(...data.rows.map((row) => row[by] ?? 0), 0))} rows=${data.rows} sorted=${{key: by, down: true}} />${data.is_cut && html`<p class="muted small-text">${t("table.more", {n: ROWS_MAX})}</p>`}`}<//>`;
}

function named(row, name, link) {
  const text = row[name] || t("nameless");
  return link ? html`<a href=${link(row)}>${text}</a>` : text;
}
