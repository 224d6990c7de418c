// What is wrong by the promises of the workflows, at this moment?
import {html, icon} from "./html.js";
import {useAnswer} from "./answer.js";
import {Panel, Trouble} from "./panel.js";
import {Table} from "./table.js";
import {since} from "./format.js";
import {reading} from "./question.js";
import {itemOf} from "./route.js";
import {address, count, route} from "./store.js";
import {t, word} from "./i18n.js";

const ACTIVE = ["firing", "pending"];
const TONES = {firing: "bad", broken: "bad", open: "bad", fail: "bad", regressed: "bad", pending: "warn", not_enough_trials: "warn", ok: "good", kept: "good", closed: "good", resolved: "good", pass: "good", passed: "good"};
const RANK = ["firing", "pending", "no_data", "resolved", "ok"];

const ICONS = {good: "check", warn: "alert", bad: "alert"};
/** A state in words and with a sign, not by its colour alone. */
export const Phase = ({phase}) => html`<span class=${`phase is-${TONES[phase] ?? "flat"}`}>${icon(ICONS[TONES[phase]] ?? "info")}${word("phase", phase)}</span>`;

const alertsRequest = () => reading("/v1/alerts", {tenant: route.value.tenant, workflow: route.value.workflow});

/** `onlyActive`: a strip that is there only when something is wrong. */
export function Alerts({onlyActive}) {
  return onlyActive ? html`<${Strip} />` : html`<${All} />`;
}

function Strip() {
  const {data, error, isOld} = useAnswer(alertsRequest());
  const active = (data?.alerts ?? []).filter(({phase}) => ACTIVE.includes(phase));
  const trouble = error && error.status !== 404 && html`<${Trouble} error=${error} />`;
  if (!active.length) return trouble || null;
  return html`${trouble}<section class=${`strip ${isOld || error ? "is-old" : ""}`} aria-label=${t("alerts.active")}><ul>${active.map((one) => html`<li key=${one.id}><a href=${address({view: "slos", workflow: one.workflow, item: itemOf(one.tenant, one.workflow, one.slo)})}><${Phase} phase=${one.phase} /><b>${one.workflow}</b><span>${one.slo}</span><span class="muted">${one.condition}</span><span class="muted figure">${age(one)}</span></a></li>`)}</ul></section>`;
}

function All() {
  const columns = [
    {key: "phase", label: t("column.state"), of: ({phase}) => RANK.indexOf(phase), cell: ({phase}) => html`<${Phase} phase=${phase} />`},
    {key: "workflow", label: t("dimension.workflow")},
    {key: "slo", label: t("column.slo")},
    {key: "condition", label: t("column.condition")},
    {key: "severity", label: t("column.severity"), of: ({severity}) => word("severity", severity)},
    {key: "since_ms", label: t("column.since"), unit: "ms", cell: age},
    {key: "routed", label: t("column.routed"), of: ({routed}) => t(routed ? "yes" : "no")},
  ];
  return html`<${Panel} title=${t("alerts")} note=${t("alerts.note")} request=${alertsRequest()} wide=${true} isEmpty=${(data) => data.alerts.length === 0} empty=${t("alerts.none")}>
    ${(data) => html`<${Table} caption=${t("alerts")} columns=${columns} rows=${data.alerts} sorted=${{key: "phase", down: false}} />`}<//>`;
}

const age = ({since_ms}) => since(since_ms === null || since_ms === undefined ? null : Math.max(0, count.value.now - since_ms));
