// How does the page talk to the service? Only over the public API, as any desktop.
import {me} from "./store.js";

export const TIMEOUT_MS = 20_000;

/** What the service said no with: `status` 0 means that it was not reached. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail || body?.error || `status ${status}`);
    this.status = status;
    this.body = body ?? {};
  }
}

export const newId = () => crypto.randomUUID();

/** JSON of a request, or `Refused`. A command names its id, so that sending it again has no second effect. */
export async function request(method, path, {body, etag, id, query} = {}) {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of [value].flat()) if (one !== undefined && one !== null) address.searchParams.append(name, one);
  }
  const headers = {accept: "application/json"};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = me.value?.csrf_token ?? "";
  if (id) headers["Idempotency-Key"] = id;
  if (etag) headers["If-Match"] = etag.startsWith('"') ? etag : `"${etag}"`;
  let answer;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    answer = await fetch(address, {method, headers, signal, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body)});
  } catch (error) {
    throw new Refused(0, {error: "unreachable", detail: error.message});
  }
  const content = await answer.json().catch(() => null);
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  if (!answer.ok) throw new Refused(answer.status, content);
  return content ?? {};
}

export const get = (path, query) => request("GET", path, {query});
export const put = (path, body) => request("PUT", path, {body});
export const post = (path, body = {}, more = {}) => request("POST", path, {body, id: newId(), ...more});
const id_ = encodeURIComponent;

const FIRST_ROWS = 200; // Enough for a screen; inbox.html asks for just this address while the modules load.

/** Every row of the queue in these states, page by page; `onPage` has each as it comes. */
export async function eachPage(query, onPage, pagesMax = 11) {
  let cursor = null;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await get("/v1/queue", {...query, limit: page === 0 ? FIRST_ROWS : 1000, cursor});
    onPage(answer, page);
    cursor = answer.next_cursor;
    if (!cursor) return;
  }
}

export const readHandover = (id) => get(`/v1/handovers/${id_(id)}`);
export const readApproval = (id) => get(`/v1/approvals/${id_(id)}`);
export const readConversation = (tenant, key, query) => get(`/v1/conversations/${id_(tenant)}/${id_(key)}`, query);
export const handoverCommand = (id, verb, body, more) => post(`/v1/handovers/${id_(id)}/${verb}`, body, more);
export const conversationCommand = (tenant, key, verb, body, more) => post(`/v1/conversations/${id_(tenant)}/${id_(key)}/${verb}`, body, more);
export const decide = (id, body, more) => post(`/v1/approvals/${id_(id)}/decide`, body, more);
