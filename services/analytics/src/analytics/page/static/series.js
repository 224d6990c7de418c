// Which points does a chart draw of the rows of an answer?
import {BUCKETS} from "./route.js";

const POINTS_MAX = 5000;

/** The start of every bucket of an answer, also of those without a row. */
export function starts({from_ms, to_ms}, bucket) {
  const length = BUCKETS[bucket];
  const found = [];
  for (let at = Math.floor(from_ms / length) * length; at < to_ms && found.length < POINTS_MAX; at += length) found.push(at);
  return found;
}

/** One line for each of `columns` ({of, missing}): a count of nothing is 0, a rate of nothing is a gap. */
export function lines(answer, bucket, columns) {
  const x = starts(answer, bucket);
  const rows = new Map(answer.rows.map((row) => [row.bucket_ms, row]));
  const value = ({of, missing}, at) => (rows.has(at) ? (of(rows.get(at)) ?? null) : missing);
  return {x, ys: columns.map((column) => x.map((at) => value(column, at)))};
}

/** One line of a metric for each value of a dimension, the largest first; beyond `most` they are summed as `null`. */
export function groups(answer, bucket, {dimension, metric, most = 6}) {
  const x = starts(answer, bucket);
  const place = new Map(x.map((at, index) => [at, index]));
  const found = new Map();
  for (const row of answer.rows) {
    if (!found.has(row[dimension])) found.set(row[dimension], x.map(() => 0));
    if (place.has(row.bucket_ms)) found.get(row[dimension])[place.get(row.bucket_ms)] += row[metric] ?? 0;
  }
  const largest = [...found].sort(([, one], [, other]) => sum(other) - sum(one));
  const shown = largest.slice(0, largest.length > most ? most - 1 : most);
  const rest = largest.slice(shown.length);
  if (rest.length) shown.push([null, x.map((_, index) => sum(rest.map(([, values]) => values[index])))]);
  return {x, names: shown.map(([name]) => name), ys: shown.map(([, values]) => values)};
}

/** Each line on top of those before it. */
export function stacked(ys) {
  const below = [];
  return ys.map((values) => values.map((value, index) => (below[index] = (below[index] ?? 0) + (value ?? 0))));
}

export const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

/** Counts by label of one family (`handovers_by_reason.*`) of a row of the metric `counts`, the most first. */
export function labelled(counts, family) {
  const found = Object.entries(counts ?? {}).filter(([name]) => name.startsWith(`${family}.`));
  return found.map(([name, count]) => ({label: name.slice(family.length + 1), count})).sort((one, other) => other.count - one.count);
}

/** How a figure moved: `tone` good, bad or flat by which way is better (1 up, -1 down, 0 neither). */
export function change(now, before, better) {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  const by = now - before;
  const tone = by === 0 || better === 0 ? "flat" : by > 0 === better > 0 ? "good" : "bad";
  return {by, share: before === 0 ? null : by / Math.abs(before), tone};
}
