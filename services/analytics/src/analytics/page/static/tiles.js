// Which figures stand large above a view, and how have they moved since the stretch before?
import {html, icon} from "./html.js";
import {useAnswer} from "./answer.js";
import {UNITS} from "./format.js";
import {metric} from "./metrics.js";
import {question} from "./question.js";
import {change} from "./series.js";
import {period, route, shownQuery} from "./store.js";
import {Trouble} from "./panel.js";
import {t} from "./i18n.js";

/** `asked` {figures, filters}, `names` of metrics. Both stretches are asked for, the one before only as a measure. */
export function Tiles({asked, names, title}) {
  const body = {...asked, metrics: names};
  const request = question(route.value, period.value, body);
  const now = useAnswer(request);
  const before = useAnswer(question(route.value, period.value.before, body));
  const row = now.data?.rows[0];
  const measure = before.of === now.of ? before.data?.rows[0] : null; // Two stretches of one question, or nothing to compare.
  return html`${now.error && html`<${Trouble} error=${now.error} />`}${(now.data || !now.error) && html`<section class=${`tiles ${now.data && (now.isOld || now.error) ? "is-old" : ""}`} aria-label=${title} aria-busy=${now.isOld}>
    ${names.map((name) => html`<${Tile} key=${name} name=${name} now=${row?.[name]} before=${measure?.[name]} isLoading=${!now.data} />`)}
    <button class="quiet small tiles-query" onClick=${() => { shownQuery.value = {title, request}; }} aria-label=${t("query.of", {title})}>${icon("query")}</button>
  </section>`}`;
}

function Tile({name, now, before, isLoading}) {
  const {unit, better, label} = metric(name);
  const shown = now ?? (unit === "count" && !isLoading ? 0 : null);
  return html`<div class="tile" data-metric=${name}><span class="tile-label">${label}</span>
    <b class="tile-value" title=${UNITS[unit].exact(shown)}>${isLoading ? html`<i class="blank"></i>` : UNITS[unit].short(shown)}</b>
    <${Moved} by=${change(now, before, better)} unit=${unit} before=${before} /></div>`;
}

/** Shares move by points, all else by percent of what was. The arrow and the word say it too, not the colour alone. */
function Moved({by, unit, before}) {
  if (!by) return html`<span class="moved muted">${t("moved.unknown")}</span>`;
  if (by.by === 0) return html`<span class="moved muted">${t("moved.same")}</span>`;
  const points = unit === "percent";
  const size = points ? t("moved.points", {n: Math.abs(by.by * 100).toFixed(1)}) : by.share === null ? UNITS[unit].short(Math.abs(by.by)) : UNITS.percent.short(Math.abs(by.share));
  return html`<span class=${`moved is-${by.tone}`} title=${t("moved.before", {value: UNITS[unit].exact(before)})}>${icon(by.by > 0 ? "up" : "down")}<span class="unseen">${t(by.by > 0 ? "moved.up" : "moved.down")}</span>${size}${by.tone !== "flat" && html`<span class="unseen">${t(`moved.${by.tone}`)}</span>`}</span>`;
}
