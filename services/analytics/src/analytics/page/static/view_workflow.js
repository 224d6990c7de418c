// How does one workflow do: by version, node, model and tool?
import {html} from "./html.js";
import {Tiles} from "./tiles.js";
import {Lines} from "./charts.js";
import {Breakdown} from "./breakdown.js";
import {Executions, Latency, Rates} from "./view_overview.js";
import {Reasons} from "./view_handovers.js";
import {Patterns} from "./patterns.js";
import {address, route} from "./store.js";
import {t} from "./i18n.js";

const NAMES = ["executions", "success_rate", "handover_rate", "intervention_rate", "p95_latency_ms", "cost_per_request"];

export function Workflow() {
  const {workflow} = route.value;
  if (!workflow) return html`<p class="lead">${t("workflow.choose")}</p><${Breakdown} title=${t("overview.workflows")} figures="executions" dimensions=${["workflow"]} by="executions" names=${NAMES} link=${(row) => address({view: "workflow", workflow: row.workflow})} /><${Patterns} />`;
  return html`<p class="lead">${workflow}</p><${Tiles} title=${t("workflow.tiles")} asked=${{figures: "executions"}} names=${NAMES} />
    <div class="grid"><${Executions} /><${Rates} /><${Latency} /><${Lines} title=${t("workflow.cost")} figures="executions" names=${["cost_per_request", "p95_cost_usd"]} />
      <${Breakdown} title=${t("workflow.versions")} note=${t("workflow.versions.note")} figures="executions" dimensions=${["version"]} by="executions" names=${NAMES} />
      <${Breakdown} title=${t("workflow.nodes")} figures="nodes" dimensions=${["node", "agent"]} by="runs" names=${["runs", "failures", "failure_rate", "attempts", "p95_latency_ms", "cost_usd"]} />
      <${Breakdown} title=${t("workflow.models")} figures="completions" dimensions=${["model"]} by="completions" names=${["completions", "failure_rate", "fallbacks", "p95_latency_ms", "cost_per_completion", "cost_usd"]} />
      <${Breakdown} title=${t("workflow.tools")} figures="tools" dimensions=${["tool"]} by="calls" names=${["calls", "failures", "failure_rate", "tool_errors", "p95_latency_ms", "cost_usd"]} />
      <${Reasons} /><${Patterns} /></div>`;
}
