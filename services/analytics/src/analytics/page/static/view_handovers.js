// When do people take over, why, and who does the work?
import {html} from "./html.js";
import {Tiles} from "./tiles.js";
import {Lines} from "./charts.js";
import {Breakdown} from "./breakdown.js";
import {Panel} from "./panel.js";
import {Bar, Table} from "./table.js";
import {UNITS} from "./format.js";
import {question} from "./question.js";
import {labelled, sum} from "./series.js";
import {period, route} from "./store.js";
import {t, word} from "./i18n.js";

export function Handovers() {
  return html`<${Tiles} title=${t("handovers.tiles")} asked=${{figures: "executions"}} names=${["handovers", "handover_rate", "intervention_rate", "turns"]} />
    <div class="grid"><${Lines} title=${t("handovers.rates")} note=${t("handovers.rates.note")} figures="executions" names=${["handover_rate", "intervention_rate"]} />
      <${Lines} title=${t("handovers.queue")} note=${t("by_tenant.note")} figures="messages" names=${["handovers_opened", "handovers_claimed", "handovers_resolved"]} />
      <${Reasons} /><${Breakdown} title=${t("handovers.by_workflow")} figures="executions" dimensions=${["workflow", "version"]} by="handovers" names=${["executions", "handovers", "handover_rate", "intervention_rate"]} />
      <${Breakdown} title=${t("handovers.people")} note=${t("by_tenant.note")} figures="people" dimensions=${["person"]} by="replies" names=${["claims", "replies", "verdicts", "resolved", "returned", "released"]} empty=${t("handovers.people.empty")} /></div>`;
}

/** Counted by the orchestrator's reason codes. */
export function Reasons() {
  const request = question(route.value, period.value, {figures: "executions", metrics: ["counts"]});
  const reasons = (data) => labelled(data.rows[0]?.counts, "handovers_by_reason").map((row) => ({...row, id: row.label}));
  const show = (data) => {
    const rows = reasons(data);
    return html`<${Table} caption=${t("handovers.reasons")} rows=${rows} columns=${columns(rows, sum(rows.map(({count}) => count)))} />`;
  };
  const columns = (rows, all) => [
    {key: "label", label: t("column.reason"), cell: (row) => word("reason", row.label)},
    {key: "count", label: t("metric.handovers"), unit: "count", cell: (row) => html`<${Bar} part=${row.count / rows[0].count}>${UNITS.count.short(row.count)}<//>`},
    {key: "share", label: t("column.share"), unit: "percent", of: (row) => row.count / all},
  ];
  return html`<${Panel} title=${t("handovers.reasons")} request=${request} wide=${true} isEmpty=${(data) => reasons(data).length === 0} empty=${t("handovers.none")}>${show}<//>`;
}
