// Does the system do its job, all in all?
import {html} from "./html.js";
import {Tiles} from "./tiles.js";
import {Groups, Lines, Parts} from "./charts.js";
import {Breakdown} from "./breakdown.js";
import {Alerts} from "./alerts.js";
import {address} from "./store.js";
import {t} from "./i18n.js";

const NAMES = ["executions", "success_rate", "handover_rate", "p95_latency_ms", "cost_usd", "cost_per_request"];

export function Overview() {
  return html`<${Tiles} title=${t("overview.tiles")} asked=${{figures: "executions"}} names=${NAMES} />
    <${Alerts} onlyActive=${true} />
    <div class="grid"><${Executions} /><${Rates} /><${Latency} /><${Groups} title=${t("overview.cost")} figures="executions" name="cost_usd" dimension="workflow" />
      <${Breakdown} title=${t("overview.workflows")} figures="executions" dimensions=${["workflow"]} by="executions" names=${["executions", "success_rate", "handover_rate", "p95_latency_ms", "cost_per_request", "cost_usd"]} link=${({workflow}) => address({view: "workflow", workflow})} /></div>`;
}

export const Executions = () => html`<${Parts} title=${t("chart.executions")} note=${t("chart.executions.note")} figures="executions" metrics=${["executions", "successes"]} unit="count"
  parts=${[{label: t("metric.successes"), colour: "blue", of: (row) => row.successes}, {label: t("failures"), colour: "orange", of: (row) => row.executions - row.successes}]} />`;
export const Rates = () => html`<${Lines} title=${t("chart.rates")} note=${t("chart.rates.note")} figures="executions" names=${["success_rate", "handover_rate"]} />`;
export const Latency = () => html`<${Lines} title=${t("chart.latency")} note=${t("chart.latency.note")} figures="executions" names=${["p50_latency_ms", "p95_latency_ms", "p99_latency_ms"]} />`;
