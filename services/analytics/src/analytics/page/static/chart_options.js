// How is uPlot told what a chart of ours looks like?
import {axisTimes, UNITS} from "./format.js";
import {COLOURS, ORDER} from "./palette.js";
import {stacked} from "./series.js";

const FONT = '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
/** Half an execution is none. */
const WHOLE = Array.from({length: 13}, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
const DASHES = [undefined, [6, 3], [2, 3]];

/** The name of the colour of the nth series. */
export const colourOf = (series, index) => series[index].colour ?? ORDER[index % ORDER.length];

/** Times in seconds, then a column for each series; the last of a stack is drawn first, as it is the tallest. */
export const columnsOf = ({x, ys}, isStack) => [x.map((ms) => ms / 1000), ...(isStack ? stacked(ys).reverse() : ys)];

export function optionsOf({series, unit, kind, range, isDark, width, height, hooks, top, isAround}) {
  const colours = COLOURS[isDark ? "dark" : "light"];
  const drawn = series.map((_, index) => seriesOf(series, index, kind, colours));
  const axis = {stroke: colours.text, font: FONT, grid: {stroke: colours.grid, width: 1}, ticks: {show: false}};
  return {
    width,
    height,
    hooks,
    legend: {show: false},
    padding: [14, 24, 0, 0],
    cursor: {y: false, points: {size: 7, show: kind === "lines"}, drag: {x: true, y: false, setScale: false}, sync: {key: "time"}},
    select: {show: true},
    scales: {x: {time: true, range: [range.from / 1000, range.to / 1000]}, y: {range: (_, low, high) => (isAround ? around(low, high) : limits(low, high, unit, top))}},
    axes: [
      {...axis, grid: {show: false}, size: 38, gap: 6, space: 64, values: (_, splits, __, ___, step) => axisTimes(splits, step)},
      {...axis, size: 58, gap: 6, space: 34, ...(unit === "count" && {incrs: WHOLE}), values: (_, splits, __, ___, step) => splits.map((value) => UNITS[unit].axis(value, step))},
    ],
    series: [{}, ...(kind === "stack" ? drawn.reverse() : drawn)],
  };
}

/** From zero, so that heights can be compared; a share ends at 1 where it comes near. */
function limits(low, high, unit, top) {
  const most = Math.max(high ?? 0, top ?? 0);
  if (unit === "percent") return [Math.min(0, low ?? 0), most > 0.5 ? Math.max(1, most) : Math.max(most * 1.15, 0.01)];
  return [Math.min(0, low ?? 0) * 1.1, most === 0 ? 1 : most * 1.1];
}

/** With zero in the middle, for differences. */
function around(low, high) {
  const reach = Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0)) * 1.1 || 1;
  return [-reach, reach];
}

function seriesOf(series, index, kind, colours) {
  const colour = colours[colourOf(series, index)];
  const common = {label: series[index].label, stroke: colour, spanGaps: false};
  if (kind === "stack") return {...common, fill: colour, width: 0, points: {show: false}, paths: globalThis.uPlot.paths.bars({size: [0.8, 48, 1], align: 1, radius: 0.08})};
  return {...common, width: 2, dash: DASHES[series[index].dash ?? 0], fill: series.length === 1 ? `${colour}1f` : undefined, points: {size: 5, fill: colour}};
}
