// In which order does the page fetch what it shows, and how do changes get into it?
import {dispatch, pane, skew, state, say} from "./store.js";
import {eachPage, get, post, readApproval, readConversation, readHandover} from "./api.js";
import {startFeed} from "./feed.js";
import {announceChange} from "./notify.js";
import {t} from "./i18n.js";

const LIVE_STATES = ["waiting", "assigned", "snoozed"];
const HEARTBEAT_MS = 8000;
let feed = null;
let waiting = [];
let frame = 0;

/** First who I am and the queue, then the feed from where the queue ended. */
export async function start() {
  await Promise.all([get("/v1/me").then((me) => dispatch({type: "me", me})), loadQueue()]);
  feed = startFeed({seq: () => state.value.seq, deliver, status: (connection) => dispatch({type: "feed", state: connection}), refused: () => optional("/v1/me", () => {})});
  setInterval(() => post("/v1/me/heartbeat", {}).catch(() => {}), HEARTBEAT_MS);
  optional("/v1/canned-replies", (answer) => dispatch({type: "canned", canned: answer.canned_replies ?? answer.replies ?? []}));
  optional("/v1/me/views", (answer) => dispatch({type: "views", views: answer.views ?? []}));
  loadAgents();
  setInterval(loadAgents, 15_000);
}

export const loadAgents = () => {
  optional("/v1/agents", (answer) => dispatch({type: "agents", agents: answer.agents ?? []}));
  optional("/v1/queues", (answer) => dispatch({type: "queues", queues: answer.queues ?? []}));
};

let asked = null;
/** Of many changes of presence, one look every three seconds. */
function soon() {
  asked ??= setTimeout(() => { asked = null; loadAgents(); }, 3000);
}

function optional(path, use) {
  get(path).then(use).catch(() => {}); // The page works without these; what needs them says that they are missing.
}

/** The first page is shown at once; the others follow. Changes that come meanwhile are newer, row by row. */
async function loadQueue() {
  await eachPage({state: LIVE_STATES}, (answer, page) => {
    if (page === 0) dispatch({type: "snapshot", rows: answer.rows, as_of_seq: answer.as_of_seq});
    else dispatch({type: "more_rows", rows: answer.rows});
  });
}

export async function loadResolved() {
  if (state.value.resolvedLoaded) return;
  await eachPage({state: "done"}, (answer) => dispatch({type: "resolved_rows", rows: answer.rows}), 2);
}

function deliver(name, data) {
  if (name === "change") return queued(data);
  if (name === "heartbeat") {
    skew.value = data.now_ms - Date.now();
    return dispatch({type: "heartbeat", at_ms: Date.now()});
  }
  if (name === "reset") return again(data);
  if (name === "presence") return soon();
  return dispatch({type: name, ...data});
}

/** Changes are applied once a frame, however many come. A hidden tab has no frames, so a timer stands in. */
function queued(change) {
  waiting.push(change);
  if (frame) return;
  frame = 1;
  if (document.hidden) setTimeout(applyWaiting, 50);
  else requestAnimationFrame(applyWaiting);
}

function applyWaiting() {
  frame = 0;
  const changes = waiting.sort((a, b) => a.seq - b.seq);
  waiting = [];
  const before = state.value;
  dispatch({type: "changes", changes});
  const fresh = changes.filter((change) => change.seq > before.seq);
  for (const change of fresh) announceChange(change, before, state.value);
  if (fresh.some(concernsOpenApproval)) openRow(state.value.open.id);
}

/** A verdict is in the approval's own document. */
const concernsOpenApproval = (change) => state.value.open?.kind === "approval" && (change.rows ?? []).some((row) => row.id === state.value.open.id);

/** The server (or the leading tab) cannot tell what was missed: all is fetched again, and the person is told. */
async function again({reason, after}) {
  if (after !== undefined && after !== state.value.seq) return; // Meant for another tab.
  dispatch({type: "reset", reason});
  await loadQueue();
  if (state.value.open) await openRow(state.value.open.id);
  say(t("feed.reset"));
  dispatch({type: "reset", reason: null});
  feed?.restart();
  feed?.hello();
}

const READ = {approval: readApproval, handover: readHandover, conversation: () => ({})};
const TRIES = 25;
/** The feed is ahead of the documents by a moment: what a row stands for is there soon. */
async function soonThere(read, tries = TRIES) {
  try {
    return await read();
  } catch (error) {
    if (error.status !== 404 || tries === 1) throw error;
    await new Promise((done) => { setTimeout(done, 200); });
    return soonThere(read, tries - 1);
  }
}
const isConversation = (id) => state.value.open?.kind === "conversation" && state.value.open.id === id;

/** Open a conversation that waits for nobody: the AI has it, or had it last. Its id here is that of no row. */
export function openConversation(key) {
  const id = `conversation ${key}`;
  dispatch({type: "cursor", id: null});
  dispatch({type: "open", id, kind: "conversation", tenant: state.value.me.tenant, key});
  pane.value = "conversation";
  return openRow(id);
}

/** Open what a row stands for: its documents and the newest page of the transcript. */
export async function openRow(id) {
  const row = state.value.rows.get(id) ?? (isConversation(id) ? state.value.open : await foundRow(id));
  if (!row) return;
  const {kind, tenant, key} = row;
  if (state.value.open?.id !== id) dispatch({type: "open", id, kind, tenant, key});
  try {
    const [document, conversation] = await Promise.all([
      soonThere(() => READ[kind](id)),
      readConversation(tenant, key, {limit: 100, newest_first: true}).catch((error) => {
        if (error.status === 404) return {};
        throw error;
      }),
    ]);
    dispatch({
      type: "opened", id, [kind]: document, conversation, lines: conversation.lines ?? conversation.transcript ?? [],
      older: conversation.next_cursor ?? null, suggestions: conversation.suggestions ?? document.suggestions ?? [],
    });
  } catch (error) {
    dispatch({type: "open_failed", id, error: error.message});
  }
}

/** A row that is not among the loaded ones: an old one that a search found. */
async function foundRow(id) {
  const {row} = await readHandover(id).catch(() => ({row: null}));
  if (row) dispatch({type: "more_rows", rows: [{id, ...row}]});
  return row;
}

export async function loadOlder() {
  const open = state.value.open;
  const page = await readConversation(open.tenant, open.key, {limit: 100, newest_first: true, cursor: open.older});
  dispatch({type: "older_lines", id: open.id, lines: page.lines ?? page.transcript ?? [], cursor: page.next_cursor ?? null});
}
