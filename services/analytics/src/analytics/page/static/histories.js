// Which evaluations can be compared over time, and by which pass^k?
import {itemOf} from "./route.js";

/** Those of one suite, workflow and tenant, against a replayed model or a real one, by their name in an address: the one that was played last first, each from the oldest on. */
export function histories(evaluations) {
  const found = new Map();
  for (const one of [...evaluations].sort((left, right) => right.finished_ms - left.finished_ms)) {
    const name = itemOf(one.tenant, one.workflow, one.suite, one.replayed ? "replayed" : "real");
    found.set(name, [one, ...(found.get(name) ?? [])]);
  }
  return found;
}

/** The largest k that all have a pass^k of; those without trials have none. */
export const commonK = (evaluations) => Math.min(...evaluations.map(({figures}) => figures.pass_k?.length || Infinity));
