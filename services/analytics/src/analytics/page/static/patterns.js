// Which nodes fail far more often than they use to?
import {html} from "./html.js";
import {Panel} from "./panel.js";
import {Phase} from "./alerts.js";
import {Table} from "./table.js";
import {at, UNITS} from "./format.js";
import {reading} from "./question.js";
import {itemOf} from "./route.js";
import {route} from "./store.js";
import {t} from "./i18n.js";

export function Patterns() {
  const {tenant, workflow} = route.value;
  const columns = [
    {key: "node", label: t("dimension.node")},
    {key: "workflow", label: t("dimension.workflow")},
    {key: "error_class", label: t("column.error_class"), of: ({error_class}) => error_class.replaceAll("_", " ")},
    {key: "failures", label: t("column.failures"), unit: "count", cell: ({failures, runs}) => t("patterns.of", {failures: UNITS.count.short(failures), runs: UNITS.count.short(runs)})},
    {key: "base_rate", label: t("column.base_rate"), unit: "percent"},
    {key: "opened_ms", label: t("column.since"), cell: ({opened_ms}) => html`<time>${at(opened_ms)}</time>`},
    {key: "is_open", label: t("column.state"), of: ({is_open}) => Number(is_open), cell: ({is_open}) => html`<${Phase} phase=${is_open ? "open" : "closed"} />`},
    {key: "examples", label: t("column.examples"), cell: ({tenant: owner, examples}) => examples.map((key) => html`<a key=${key} href=${`/v1/executions/${itemOf(owner, key)}`} target="_blank" rel="noreferrer"><code>${key}</code></a> `)},
  ];
  return html`<${Panel} title=${t("patterns")} note=${t("patterns.note")} request=${reading("/v1/patterns", {tenant, workflow})} wide=${true} isEmpty=${({patterns}) => patterns.length === 0} empty=${t("patterns.none")}>
    ${(data) => html`<${Table} caption=${t("patterns")} columns=${columns} rows=${data.patterns} sorted=${{key: "opened_ms", down: true}} />`}<//>`;
}
