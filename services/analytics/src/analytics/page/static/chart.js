// How does a line or a stack of bars stand on the page, with the mouse, the keyboard and a new answer?
import {useEffect, useRef, useState} from "preact/hooks";
import {html} from "./html.js";
import {at, UNITS} from "./format.js";
import {colourOf, columnsOf, optionsOf} from "./chart_options.js";
import {go, isDark} from "./store.js";
import {t} from "./i18n.js";

const HEIGHT = 220;
const NARROWEST_DRAG = 6;

/** `data` {x, ys} in milliseconds and values; `series` [{label, colour}]; `kind` lines or stack; `range` {from, to}. */
export function Chart({title, data, series, unit, kind = "lines", range, top, zoom = true, isAround = false}) {
  const box = useRef(null);
  const plot = useRef(null);
  const [point, setPoint] = useState(null);
  const shape = JSON.stringify([series, unit, kind, isDark.value, top ?? null]);
  const now = useRef({});
  now.current = {range, zoom};

  useEffect(() => {
    const hooks = {
      // A new answer moves the mouse's cursor away, and not what is read by the keyboard.
      setCursor: [({cursor: {event, idx, left}}) => setPoint((before) => (event && left >= 0 && typeof idx === "number" ? {index: idx, left} : before?.isRead ? before : null))],
      setSelect: [(chart) => zoomed(chart, now.current.zoom)],
    };
    const place = box.current;
    const options = optionsOf({series, unit, kind, range, top, isAround, hooks, isDark: isDark.value, width: place.clientWidth, height: HEIGHT});
    const drawn = new globalThis.uPlot(options, columnsOf(data, kind === "stack"), place);
    const resized = new ResizeObserver(() => drawn.setSize({width: place.clientWidth, height: HEIGHT}));
    resized.observe(place);
    plot.current = drawn;
    return () => {
      resized.disconnect();
      drawn.destroy();
    };
  }, [shape]);

  useEffect(() => {
    plot.current.scales.x.range = () => [range.from / 1000, range.to / 1000];
    plot.current.setData(columnsOf(data, kind === "stack"));
  }, [data, range.from, range.to]);

  const pressed = (event) => moved(event, plot.current, data.x.length, setPoint, point);
  return html`<div class="chart" tabindex="0" role="group" aria-roledescription=${t("chart.role")} aria-label=${t("chart.label", {title})} onKeyDown=${pressed} onBlur=${() => setPoint(null)}>
    ${series.length > 1 && html`<${Legend} series=${series} />`}
    <div class="plot" ref=${box} aria-hidden="true"></div>
    <span class="unseen" role="status">${point?.isRead && spoken(point.index, data, series, unit)}</span>
    ${point && point.index < data.x.length && html`<${Tooltip} point=${point} data=${data} series=${series} unit=${unit} width=${box.current?.clientWidth ?? 0} />`}
  </div>`;
}

export const Swatch = ({colour}) => html`<i class=${`swatch is-${colour}`}></i>`;

function Legend({series}) {
  return html`<ul class="legend">${series.map(({label}, index) => html`<li key=${label}><${Swatch} colour=${colourOf(series, index)} />${label}</li>`)}</ul>`;
}

/** For who moves by the keyboard and may not see it. */
const spoken = (index, data, series, unit) => [at(data.x[index]), ...series.map(({label}, number) => `${label} ${UNITS[unit].exact(data.ys[number][index])}`)].join(", ");

/** Exact values of a moment. */
function Tooltip({point, data, series, unit, width}) {
  const isRight = point.left > width / 2;
  const place = isRight ? {right: `${width - point.left + 12}px`} : {left: `${point.left + 70}px`};
  return html`<div class="tooltip" aria-hidden="true" style=${place}><time>${at(data.x[point.index])}</time>
    <dl>${series.map(({label}, index) => html`<div key=${label}><dt><${Swatch} colour=${colourOf(series, index)} />${label}</dt><dd>${UNITS[unit].exact(data.ys[index][point.index])}</dd></div>`)}</dl></div>`;
}

/** Dragging over a chart looks at that stretch alone. */
function zoomed(chart, isWanted) {
  const {left, width} = chart.select;
  if (width < NARROWEST_DRAG) return;
  chart.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
  if (!isWanted) return;
  const [from, to] = [left, left + width].map((pixel) => Math.round(chart.posToVal(pixel, "x") / 60) * 60_000);
  if (to - from >= 60_000) go({from, to});
}

/** Arrow keys, Home and End read one moment after the other; Escape stops. */
function moved(event, chart, length, setPoint, point) {
  const steps = {ArrowLeft: (index) => index - 1, ArrowRight: (index) => index + 1, Home: () => 0, End: () => length - 1};
  if (event.key === "Escape") setPoint(null);
  if (!steps[event.key] || !length) return;
  event.preventDefault();
  const index = Math.max(0, Math.min(length - 1, steps[event.key](point?.index ?? length)));
  setPoint({index, left: chart.valToPos(chart.data[0][index], "x"), isRead: true});
}
