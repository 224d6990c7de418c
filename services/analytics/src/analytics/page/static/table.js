// How does a table stand on the page: sorted by a press on its heads, figures below each other?
import {useState} from "preact/hooks";
import {html, icon} from "./html.js";
import {UNITS} from "./format.js";
import {ordered} from "./order.js";
import {t} from "./i18n.js";

const ROWS_MAX = 500;
const isFigure = (column) => column.unit && column.unit !== "text";

/** `columns` [{key, label, unit, cell, of}]; `of` is what it is sorted by, `cell` what is shown. */
export function Table({caption, columns, rows, sorted = null}) {
  const [order, setOrder] = useState(sorted);
  const column = columns.find(({key}) => key === order?.key);
  const value = (row, {key, of}) => (of ? of(row) : row[key]);
  const shown = column ? ordered(rows, (row) => value(row, column), order.down) : rows;
  const turn = ({key}) => setOrder({key, down: order?.key === key ? !order.down : isFigure(columns.find((one) => one.key === key))});
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${caption}><table>
    <caption class="unseen">${caption}</caption>
    <thead><tr>${columns.map((one) => html`<th key=${one.key} scope="col" class=${isFigure(one) ? "figure" : ""} aria-sort=${order?.key === one.key ? (order.down ? "descending" : "ascending") : undefined}>
      <button class="head" onClick=${() => turn(one)}>${one.label}${order?.key === one.key && icon(order.down ? "down" : "up")}</button></th>`)}</tr></thead>
    <tbody>${shown.slice(0, ROWS_MAX).map((row, place) => html`<tr key=${row.id ?? place}>${columns.map((one, index) => html`<${index ? "td" : "th"} key=${one.key} scope=${index ? undefined : "row"} class=${isFigure(one) ? "figure" : ""} title=${isFigure(one) && !one.cell ? UNITS[one.unit].exact(value(row, one)) : undefined}>
      ${one.cell ? one.cell(row) : UNITS[one.unit ?? "text"].short(value(row, one))}</${index ? "td" : "th"}>`)}</tr>`)}</tbody></table>
    ${rows.length > ROWS_MAX && html`<p class="muted">${t("table.cut", {n: ROWS_MAX, all: rows.length})}</p>`}</div>`;
}

/** A share as a bar behind its figure. */
export const Bar = ({part, tone = "accent", children}) => html`<span class="bar-cell"><i class=${`bar is-${tone}`} style=${{width: `${Math.max(0, Math.min(1, part || 0)) * 100}%`}}></i><span>${children}</span></span>`;
