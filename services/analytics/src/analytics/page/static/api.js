// How does the page ask the service? Only over the public API, as anybody.
import {signedOut} from "./store.js";

const TIMEOUT_MS = 20_000;
const running = new Map();
/** Requests without an answer yet; new counts wait for them. */
export const inFlight = () => running.size;

/** What the service said no with: `status` 0 means that it was not reached. */
export class Refused extends Error {
  constructor(status, body) {
    const told = body?.problems?.map(({field, problem}) => `${field}: ${problem}`).join("; ");
    super(told || body?.detail || body?.error || "");
    this.status = status;
  }
}

/** The JSON of a request, or `Refused`. What several ask at the same time is asked once. */
export function ask(request) {
  const key = JSON.stringify(request);
  if (!running.has(key)) running.set(key, fetched(request).finally(() => running.delete(key)));
  return running.get(key);
}

async function fetched({method, path, body}) {
  const headers = {accept: "application/json", ...(body && {"content-type": "application/json"})};
  let answer;
  try {
    answer = await fetch(path, {method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), credentials: "same-origin", body: body && JSON.stringify(body)});
  } catch {
    throw new Refused(0);
  }
  if (answer.status === 401) signedOut.value = true; // The way in loads the page anew.
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, content);
  if (content === null) throw new Refused(0); // It broke off on its way.
  return content;
}
