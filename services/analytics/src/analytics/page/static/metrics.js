// In which unit is a metric, and which way is better?
import {word} from "./i18n.js";

const METRICS = {
  executions: ["count", 0], successes: ["count", 0], handovers: ["count", 0], turns: ["count", 0], default_responses: ["count", -1],
  success_rate: ["percent", 1], error_rate: ["percent", -1], handover_rate: ["percent", -1], intervention_rate: ["percent", -1], failure_rate: ["percent", -1],
  cost_usd: ["usd", 0], cost_per_request: ["usd", -1], cost_per_completion: ["usd", -1],
};

/** {unit, better, label} of a metric; a percentile says its unit in its name. */
export function metric(name) {
  const [unit, better] = METRICS[name] ?? (name.endsWith("_ms") ? ["ms", -1] : name.endsWith("_usd") ? ["usd", -1] : ["count", 0]);
  return {name, unit, better, label: word("metric", name)};
}

/** A column of a table for each metric. */
export const columns = (...names) => names.map((name) => ({key: name, label: metric(name).label, unit: metric(name).unit}));
