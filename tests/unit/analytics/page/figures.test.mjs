// What a chart draws, a figure says and an address means, without a browser.
import {test} from "node:test";
import assert from "node:assert/strict";

const page = "../../../../services/analytics/src/analytics/page/static";
const {lines, groups, stacked, labelled, change, starts} = await import(`${page}/series.js`);
const {parse, format, stretch, partsOf, itemOf, BUCKETS} = await import(`${page}/route.js`);
const {question, reading, topicOf, asCurl} = await import(`${page}/question.js`);
const {UNITS, NOTHING, axisTimes, inCurrency} = await import(`${page}/format.js`);
const {commonK, histories} = await import(`${page}/histories.js`);
const {ordered} = await import(`${page}/order.js`);
const {metric, unitOf} = await import(`${page}/metrics.js`);
const HOUR = BUCKETS.hour;

test("a count of nothing is zero and a rate of nothing is a gap", () => {
  const answer = {from_ms: 0, to_ms: 3 * HOUR, rows: [{bucket_ms: HOUR, executions: 4, success_rate: 0.5}]};
  const columns = [{of: (row) => row.executions, missing: 0}, {of: (row) => row.success_rate, missing: null}];
  assert.deepEqual(lines(answer, "hour", columns), {x: [0, HOUR, 2 * HOUR], ys: [[0, 4, 0], [null, 0.5, null]]});
});

test("an answer that begins within a bucket has that bucket, and never more points than a chart can take", () => {
  assert.deepEqual(starts({from_ms: HOUR + 5, to_ms: 2 * HOUR + 1}, "hour"), [HOUR, 2 * HOUR]);
  assert.equal(starts({from_ms: 0, to_ms: 1e13}, "minute").length, 5000);
});

test("beyond the most groups the smallest are one, and nothing is lost", () => {
  const rows = [..."abcdefgh"].map((name, index) => ({bucket_ms: 0, model: name, cost_usd: index + 1}));
  const {names, ys} = groups({from_ms: 0, to_ms: HOUR, rows}, "hour", {dimension: "model", metric: "cost_usd", most: 3});
  assert.deepEqual(names, ["h", "g", null]);
  assert.deepEqual(ys, [[8], [7], [21]]);
  assert.deepEqual(groups({from_ms: 0, to_ms: HOUR, rows: rows.slice(0, 3)}, "hour", {dimension: "model", metric: "cost_usd", most: 3}).names, ["c", "b", "a"]);
});

test("a stack stands on what is below it", () => {
  assert.deepEqual(stacked([[1, 2], [3, null], [5, 6]]), [[1, 2], [4, 2], [9, 8]]);
});

test("labels of a family are told apart from others, the most first", () => {
  const counts = {"handovers": 3, "handovers_by_reason.timeout": 1, "handovers_by_reason.a.b": 2, "runs_by_outcome.done": 9};
  assert.deepEqual(labelled(counts, "handovers_by_reason"), [{label: "a.b", count: 2}, {label: "timeout", count: 1}]);
  assert.deepEqual(labelled(undefined, "x"), []);
});

test("a move is good or bad by which way is better, and unknown without something to compare", () => {
  assert.deepEqual(change(0.9, 0.8, 1).tone, "good");
  assert.deepEqual(change(0.9, 0.8, -1).tone, "bad");
  assert.deepEqual(change(5, 5, 1), {by: 0, share: 0, tone: "flat"});
  assert.equal(change(5, 0, 0).share, null);
  assert.equal(change(null, 1, 1), null);
  assert.equal(change(1, undefined, 1), null);
});

test("an address comes back as it was, and nonsense in it is left out", () => {
  const route = {view: "cost", period: "7d", from: null, to: null, tenant: "acme", workflow: "a b/ü", item: null};
  assert.deepEqual(parse(format(route)), route);
  const fixed = {...route, period: "24h", from: 1_000_000, to: 9_000_000};
  assert.deepEqual(parse(format(fixed)), fixed);
  assert.equal(format({...parse(""), view: "overview"}), "#/overview");
  for (const odd of ["#/nowhere?period=2y", "#/overview?from=5&to=4", "#/overview?from=x&to=9", "#/overview?from=1&to=1e99", "#/overview?period=toString"]) {
    assert.deepEqual(parse(odd), parse(""));
  }
});

test("an item's parts are what they were, and never a way out of a path", () => {
  assert.deepEqual(partsOf(itemOf("acme", "a/b", "ü %"), 3), ["acme", "a/b", "ü %"]);
  for (const odd of [null, "a/b", "a/b/%", "a//c", "../b/c", "a/b/.", "%2e%2e/b/c"]) assert.equal(partsOf(odd, 3), null);
});

test("a stretch begins with a whole bucket and the one before it is as long", () => {
  const now = 100 * 24 * HOUR + 5 * HOUR + 1234;
  const {from, to, bucket, before} = stretch(parse("#/overview"), now);
  assert.deepEqual([from % HOUR, to, bucket], [0, null, "hour"]);
  assert.ok(now - from >= 24 * HOUR && now - from < 25 * HOUR);
  assert.deepEqual(before, {from: from - (now - from), to: from});
  assert.equal(stretch(parse("#/overview?period=30d"), now).bucket, "day");
  assert.equal(stretch(parse("#/overview?period=1h"), now).bucket, "minute");
  assert.deepEqual(stretch(parse("#/overview?from=3600000&to=7200000"), now).to, 7_200_000);
});

test("a question names whose figures are wanted, where these are counted by workflow", () => {
  const route = {tenant: "acme", workflow: "returns"};
  const asked = question(route, {from: 0, to: 60_000}, {figures: "executions", metrics: ["executions"]});
  assert.deepEqual(asked.body, {figures: "executions", metrics: ["executions"], filters: {tenant: ["acme"], workflow: ["returns"]}, from: "1970-01-01T00:00:00.000Z", to: "1970-01-01T00:00:59.999Z"});
  assert.deepEqual(question(route, {from: 0}, {figures: "people", metrics: ["claims"]}).body.filters, {tenant: ["acme"]});
  assert.equal("filters" in question({}, {from: 0}, {figures: "executions"}).body, false);
  assert.equal(reading("/v1/alerts", {tenant: "a&b", workflow: null}).path, "/v1/alerts?tenant=a%26b");
});

test("a line for the shell says the same whatever is in it", () => {
  const line = asCurl({method: "POST", path: "/v1/query", body: {filters: {workflow: ["it's $(rm) `x`"]}}}, "http://h");
  assert.ok(line.includes(`--data '{"filters":{"workflow":["it'\\''s $(rm) \`x\`"]}}'`));
  assert.equal(asCurl({method: "GET", path: "/v1/slos?a=1&b=2"}, "http://h"), "curl --silent 'http://h/v1/slos?a=1&b=2' \\\n  --header \"authorization: Bearer $HIL_ANALYTICS_TOKEN\"");
});

test("figures are short for a glance, exact for a tooltip, and no data is not zero", () => {
  assert.deepEqual([UNITS.percent.short(0.95), UNITS.percent.short(0.9995), UNITS.percent.short(1), UNITS.percent.short(null)], ["95.0 %", "99.95 %", "100.0 %", NOTHING]);
  assert.deepEqual([850, 999.6, 1250, 59_999, 65_000, 119_700, 3_599_600, 7_500_000, 3 * 86_400_000].map(UNITS.ms.short), ["850 ms", "1.00 s", "1.25 s", "1 min 0 s", "1 min 5 s", "2 min 0 s", "1 h 0 min", "2 h 5 min", "3 d"]);
  assert.deepEqual([0, 0.000412, 0.0342, 1.5, 12_345.6, -2].map(UNITS.usd.short), ["$0.00", "$0.000412", "$0.0342", "$1.50", "$12,346", "−$2.00"]);
  assert.equal(UNITS.usd.exact(0.0000004), "$0.00");
  assert.equal(UNITS.usd.exact(1.234567), "$1.234567");
  assert.deepEqual([UNITS.count.short(99_999), UNITS.count.short(1_234_567), UNITS.count.exact(1_234_567)], ["99,999", "1.2M", "1,234,567"]);
  assert.deepEqual([UNITS.usd.axis(0.05, 0.05), UNITS.usd.axis(0.002, 0.001), UNITS.usd.axis(20, 10), UNITS.ms.axis(5000, 2500), UNITS.ms.axis(7500, 2500), UNITS.ms.axis(20, 10)], ["$0.05", "$0.002", "$20", "5 s", "7.5 s", "20 ms"]);
});

test("a time axis says the day where it changes, and only days where a step is a day", () => {
  const day = 86_400;
  const told = axisTimes([0, day / 2, day], day / 2);
  assert.deepEqual(told.map((text) => text.includes("\n")), [true, false, true]);
  assert.ok(axisTimes([0, day], day).every((text) => !text.includes(":")));
});

test("a metric's unit follows from its name where it is not listed", () => {
  assert.deepEqual(["p99.9_latency_ms", "p95_cost_usd", "claims", "success_rate"].map((name) => metric(name).unit), ["ms", "usd", "count", "percent"]);
});

test("money is written as its currency is, whatever its code", () => {
  assert.deepEqual([inCurrency(12.5, "USD"), inCurrency(8412.5, "EUR"), inCurrency(3, "points")], ["$12.50", "€8,412.50", "3 points"]);
});

test("a question is about the same while its stretch goes on, and about something else in another stretch", () => {
  const route = {tenant: null, workflow: null, period: "24h", from: null, to: null};
  const asked = (from, bucket = "hour") => question(route, {from}, {figures: "executions", metrics: ["executions"], bucket});
  assert.equal(topicOf(asked(0), route), topicOf(asked(HOUR), route));
  assert.notEqual(topicOf(asked(0), route), topicOf(asked(0), {...route, period: "7d"}));
  assert.notEqual(topicOf(asked(0), route), topicOf(asked(0, "minute"), route));
  assert.notEqual(topicOf(asked(0), route), topicOf(asked(0), {...route, from: 1, to: 2}));
  const kpis = (from) => reading("/v1/kpis", {workflow: "returns", from, to: "x", compare: "previous_period"});
  assert.equal(topicOf(kpis("a"), route), topicOf(kpis("b"), route));
  assert.notEqual(topicOf(kpis("a"), route), topicOf(kpis("a"), {...route, period: "7d"}));
  assert.equal(topicOf(reading("/v1/slos"), route), topicOf(reading("/v1/slos"), {...route, period: "7d"}));
});

test("one rule says the unit of every metric, promise and KPI", () => {
  const units = {
    percent: ["success_rate", "intervention_rate", "failure_rate", "unaided_share"], usd: ["cost_usd", "cost_per_request", "p50_cost_usd", "cost_saved_microdollars_per_execution", "revenue_micros_per_execution.USD"],
    ms: ["latency_ms", "p95_latency_ms", "time_saved_ms_per_execution"], number: ["csat", "csat_mean.ai_only", "conversions_per_execution", "revenue_micros_per_execution.EUR"], count: ["executions", "tokens_input"],
  };
  for (const [unit, names] of Object.entries(units)) for (const name of names) assert.equal(unitOf(name), unit, name);
  assert.deepEqual(["success_rate", "cost_usd", "p95_cost_usd", "p95_latency_ms", "executions"].map((name) => metric(name).better), [1, 0, -1, -1, 0]);
});

test("a scale tells its steps apart, also steps of two and a half", () => {
  const scale = (unit, step) => [1, 2, 3].map((times) => UNITS[unit].axis(times * step, step));
  assert.deepEqual(scale("usd", 2.5), ["$2.50", "$5.00", "$7.50"]);
  assert.deepEqual(scale("usd", 0.00025), ["$0.00025", "$0.00050", "$0.00075"]);
  assert.deepEqual(scale("usd", 0.1), ["$0.10", "$0.20", "$0.30"]);
  assert.deepEqual(scale("percent", 0.025), ["2.5 %", "5.0 %", "7.5 %"]);
  assert.deepEqual(scale("percent", 0.0025), ["0.25 %", "0.50 %", "0.75 %"]);
  assert.deepEqual(scale("percent", 0.2), ["20 %", "40 %", "60 %"]);
  assert.deepEqual(scale("ms", 2.5), ["2.5 ms", "5.0 ms", "7.5 ms"]);
  assert.deepEqual([UNITS.usd.axis(-2.5, 2.5), UNITS.ms.axis(-5000, 2500)], ["−$2.50", "−5 s"]);
  assert.deepEqual(scale("number", 0.00025), ["0.00025", "0.00050", "0.00075"]);
});

test("what has no value stands last in a table, whichever way it is sorted", () => {
  const rows = [5, null, 9, undefined].map((at) => ({at}));
  const sorted = (isDown) => ordered(rows, ({at}) => at, isDown).map(({at}) => at ?? null);
  assert.deepEqual([sorted(false), sorted(true)], [[5, 9, null, null], [9, 5, null, null]]);
  assert.deepEqual(ordered(["b", "a"], (one) => one, false), ["a", "b"]);
});

test("evaluations are compared with those of the same suite, workflow, tenant and kind of model, by a pass^k that all have", () => {
  const one = (finished_ms, asked = {}, pass_k = [0.9]) => ({tenant: "acme", workflow: "returns", suite: "train", replayed: false, finished_ms, figures: {pass_k}, ...asked});
  const odd = [{tenant: "globex"}, {workflow: "support"}, {suite: "smoke"}, {replayed: true}].map((asked, index) => one(10 + index, asked));
  const found = histories([one(5, {}, [0.9, 0.8, 0.7, 0.6]), ...odd, one(1, {}, [0.9, 0.8]), one(3, {}, [])]);
  assert.deepEqual([...found.values()].map((played) => played.map(({finished_ms}) => finished_ms)), [[13], [12], [11], [10], [1, 3, 5]]);
  assert.equal([...found.keys()].at(0), "acme/returns/train/replayed");
  assert.equal(commonK(found.get("acme/returns/train/real")), 2);
  assert.equal(commonK([one(1, {}, [])]), Infinity);
});
