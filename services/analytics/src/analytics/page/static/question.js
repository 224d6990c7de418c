// What does a chart ask, and how would anybody ask the same?
const BY_WORKFLOW = new Set(["executions", "nodes", "completions", "tools"]);
const time = (ms) => new Date(ms).toISOString();

/** The body of POST /v1/query over a stretch; people and messages are not counted by workflow. */
export function question(route, {from, to}, asked) {
  const filters = {...asked.filters};
  if (route.tenant) filters.tenant = [route.tenant];
  if (route.workflow && BY_WORKFLOW.has(asked.figures)) filters.workflow = [route.workflow];
  const body = {...asked, filters, from: time(from)};
  if (to) body.to = time(to - 1); // The service counts to the end of this minute.
  if (!Object.keys(filters).length) delete body.filters;
  return {method: "POST", path: "/v1/query", body};
}

/** A request without a body, with what is asked for in its address. */
export function reading(path, asked = {}) {
  const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  return {method: "GET", path: query.size ? `${path}?${query}` : path};
}

/** Whether the answer is of a stretch of time, not of this moment. */
export const isOfPeriod = ({path, body}) => Boolean(body?.from) || /[?&]from=/.test(path);

/** What a request is about. Its stretch is named as in the address: "the last 24 hours" goes on, and is the same question. */
export function topicOf(request, {period, from, to}) {
  if (!isOfPeriod(request)) return request.path;
  const asked = {...request.body, from: undefined, to: undefined};
  return JSON.stringify([request.path.replace(/([?&])(from|to)=[^&]*/g, "$1"), asked, period, from, to]);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const TOKEN = '--header "authorization: Bearer $HIL_ANALYTICS_TOKEN"';

/** The request as a line for a shell, which puts a token in: none is on the page. */
export function asCurl({method, path, body}, origin) {
  const parts = [`curl --silent ${quoted(origin + path)}`, TOKEN];
  if (method === "POST") parts.push("--header 'content-type: application/json'", `--data ${quoted(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}
