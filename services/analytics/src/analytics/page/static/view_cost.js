// What is paid, for what, and is it more than before?
import {html} from "./html.js";
import {Tiles} from "./tiles.js";
import {Groups, Lines, Parts} from "./charts.js";
import {Breakdown} from "./breakdown.js";
import {address} from "./store.js";
import {t} from "./i18n.js";

const TOKENS = ["tokens_input", "tokens_cached", "tokens_output"];

export function Cost() {
  const fresh = (row) => Math.max(0, row.tokens_input - row.tokens_cached);
  return html`<${Tiles} title=${t("cost.tiles")} asked=${{figures: "executions"}} names=${["cost_usd", "cost_per_request", "p95_cost_usd", "executions"]} />
    <div class="grid"><${Groups} title=${t("cost.by_workflow")} figures="executions" name="cost_usd" dimension="workflow" />
      <${Groups} title=${t("cost.by_model")} note=${t("cost.by_model.note")} figures="completions" name="cost_usd" dimension="model" />
      <${Lines} title=${t("cost.each")} figures="executions" names=${["cost_per_request", "p50_cost_usd", "p95_cost_usd"]} />
      <${Parts} title=${t("cost.tokens")} note=${t("cost.tokens.note")} figures="completions" metrics=${TOKENS} unit="count" parts=${[{label: t("tokens.fresh"), colour: "blue", of: fresh}, {label: t("tokens.cached"), colour: "green", of: (row) => row.tokens_cached}, {label: t("tokens.output"), colour: "orange", of: (row) => row.tokens_output}]} />
      <${Breakdown} title=${t("cost.models")} figures="completions" dimensions=${["model"]} by="cost_usd" names=${["completions", ...TOKENS, "cost_per_completion", "cost_usd"]} />
      <${Breakdown} title=${t("cost.nodes")} figures="nodes" dimensions=${["workflow", "node"]} by="cost_usd" names=${["runs", "completions", "tool_calls", "p95_cost_usd", "cost_usd"]} link=${({workflow}) => address({view: "workflow", workflow})} />
      <${Breakdown} title=${t("cost.tools")} figures="tools" dimensions=${["tool"]} by="cost_usd" names=${["calls", "cost_usd"]} /></div>`;
}
