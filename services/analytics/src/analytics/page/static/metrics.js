// In which unit is a metric, and which way is better?
import {word} from "./i18n.js";

const BETTER = {default_responses: -1, success_rate: 1, error_rate: -1, handover_rate: -1, intervention_rate: -1, failure_rate: -1, cost_per_request: -1, cost_per_completion: -1, csat: 1, cost_usd: 0};
const UNIT_OF = [[/_ms(_|$)/, "ms"], [/_usd$|^cost_per_|microdollars|micros.*[.]USD$/, "usd"], [/_(rate|share)$/, "percent"], [/^csat|_per_execution/, "number"]];

/** A metric's or a KPI's name says its unit; what says none is a count. */
export const unitOf = (name) => UNIT_OF.find(([pattern]) => pattern.test(name))?.[1] ?? "count";

/** {unit, better, label} of a metric; of a time or a cost less is better. */
export function metric(name) {
  const unit = unitOf(name);
  return {name, unit, better: BETTER[name] ?? (unit === "ms" || unit === "usd" ? -1 : 0), label: word("metric", name)};
}

/** A column of a table for each metric. */
export const columns = (...names) => names.map((name) => ({key: name, label: metric(name).label, unit: metric(name).unit}));
