// What happens when a person acts? Nothing is shown as done before the service said so.
import {effect} from "@preact/signals";
import {canDecide, dialog, dispatch, nameOf, notify, open, pane, rows, say, sayUrgently, skew, state} from "./store.js";
import {Refused, conversationCommand, decide, get, handoverCommand, newId, post, put} from "./api.js";
import {loadAgents, loadResolved, openRow} from "./load.js";
import {preference} from "./preferences.js";
import {t, word} from "./i18n.js";

const etagOf = (row, document) => document?.etag ?? (row?.kind === "handover" ? `"e${row.epoch}"` : undefined);

/** Run a command; a refusal becomes words. True if the service accepted it. */
async function attempt(run, onRefused) {
  if (!canDecide.value) {
    notify("error", t("offline.decisions"));
    return false;
  }
  try {
    return (await run()) ?? true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!onRefused?.(error)) notify("error", refusalText(error));
    return false;
  }
}

export function refusalText({status, body, message}) {
  if (status === 0) return t("error.unreachable");
  if (status === 403) return t("error.forbidden", {detail: body.detail ?? ""});
  if (status === 409) return t(body.owner_id ? "error.conflict" : "error.changed", {who: nameOf(body.owner_id), reason: word("refusal", body.error ?? body.reason)});
  if (status === 422) return t("error.invalid", {detail: problems(body)});
  return t("error.other", {status, detail: body.detail ?? message});
}
const problems = (body) => body.problems?.map((one) => `${one.field}: ${one.problem}`).join("; ") ?? body.detail ?? body.error ?? "";

/** The epoch in which this person sees the open conversation. */
const epochTag = () => {
  const epoch = state.value.rows.get(open.value.id)?.epoch ?? open.value.conversation?.epoch ?? 0;
  return `"e${epoch}"`;
};

export function show(id) {
  if (!id) return undefined;
  dispatch({type: "cursor", id});
  pane.value = "conversation";
  return openRow(id);
}

export function switchView(view, filters) {
  dispatch({type: "view", view, filters});
  pane.value = "list";
  return view === "resolved" ? loadResolved().catch((error) => notify("error", refusalText(error))) : undefined;
}

/** Claim; who lost sees who was first, and goes on with the next row. */
export async function claim(id) {
  const row = state.value.rows.get(id);
  if (open.value?.id === id && open.value.kind === "conversation") return takeOver();
  if (!row || row.kind !== "handover") return;
  if (row.state === "done") return open.value?.id === id ? takeOver() : show(id);
  const document = open.value?.id === id ? open.value.handover : null;
  const won = await attempt(
    () => handoverCommand(id, "claim", {}, {etag: etagOf(row, document)}),
    (error) => error.status === 409 && lost(id, error),
  );
  if (!won) return;
  say(t("claimed"));
  await show(id);
}

function lost(id, {body}) {
  const who = nameOf(body.owner_id ?? body.current?.owner_id) ?? t("somebody");
  const text = t("claim.lost", {who});
  sayUrgently(text);
  notify("warning", text);
  const {order} = state.value.list;
  const next = order[order.indexOf(id) + 1] ?? order[order.indexOf(id) - 1] ?? null;
  dispatch({type: "drop", id});
  dispatch({type: "cursor", id: next});
  (document.querySelector(`[data-row="${CSS.escape(next ?? "")}"]`) ?? document.querySelector(".rows"))?.focus();
  if (open.value?.id === id) openRow(id);
  return true;
}

/** Take over a conversation from the AI: a handover of its own begins, and is shown as soon as it is there. */
export async function takeOver() {
  const {tenant, key, conversation, id} = open.value;
  const taken = await attempt(() => conversationCommand(tenant, key, "claim", {}, {etag: `"e${conversation?.epoch ?? 0}"`}));
  if (!taken) return openRow(id);
  say(t("claimed"));
  const stop = effect(() => {
    if (open.value?.id === id && !rows.value.has(taken.handover_id)) return;
    queueMicrotask(() => {
      stop();
      if (open.value?.id === id) show(taken.handover_id);
    });
  });
  return undefined;
}

/** Any other command on the open handover: its fact comes back over the feed. */
export async function command(verb, body, done) {
  const {id} = open.value;
  const row = state.value.rows.get(id);
  const accepted = await attempt(() => handoverCommand(id, verb, body, {etag: etagOf(row)}));
  if (!accepted) return false;
  dialog.value = null;
  notify("ok", t(done ?? `done.${verb}`));
  return accepted;
}

/** A reply waits some seconds with the service, and can be taken back so long. */
export async function reply(text, suggestion_id) {
  const {id, key, tenant} = open.value;
  const message_id = newId();
  dispatch({type: "outbox", message_id, key: `${tenant}/${key}`, id, text, state: "sending", suggestion_id});
  return sendReply(message_id);
}

export async function sendReply(message_id) {
  const {id, text, suggestion_id} = state.value.outbox.get(message_id);
  const row = state.value.rows.get(id);
  dispatch({type: "outbox", message_id, state: "sending", error: null});
  const body = suggestion_id ? {text, suggestion_id} : {text};
  let reason = t("offline.decisions");
  const taken = await attempt(() => handoverCommand(id, "reply", body, {id: message_id, etag: `"e${row.epoch}"`}), (error) => {
    reason = refusalText(error);
    return true;
  });
  if (!taken) dispatch({type: "outbox", message_id, state: "failed", error: reason});
  else if (state.value.outbox.has(message_id)) dispatch({type: "outbox", message_id, state: "held", hold_ms: taken.hold_ms, until_ms: Date.now() + skew.value + taken.hold_ms});
  return Boolean(taken);
}

/** The text comes back for the composer once the service took the reply back. */
export async function undo(message_id) {
  const {id, text} = state.value.outbox.get(message_id);
  const taken = await attempt(() => handoverCommand(id, `replies/${encodeURIComponent(message_id)}/undo`, {}));
  if (taken) {
    dispatch({type: "outbox", message_id, state: "gone"});
    say(t("undone"));
  }
  return taken ? text : null;
}

export const note = (text) => {
  const {tenant, key} = open.value;
  return attempt(() => conversationCommand(tenant, key, "notes", {text}, {etag: epochTag()}));
};

export const askDraft = () => {
  const row = state.value.rows.get(open.value.id);
  return attempt(() => handoverCommand(open.value.id, "suggest", {}, {etag: `"e${row.epoch}"`}));
};
export const dismissDraft = (id, reason) => attempt(() => post(`/v1/suggestions/${encodeURIComponent(id)}/settle`, {reason}, {etag: epochTag()}));

/** A verdict. Refused fields come back by name, for the form. */
export async function verdict(body, onProblems) {
  const {id, approval} = open.value;
  const taken = await attempt(() => decide(id, body, {etag: approval.etag}), (error) => {
    if (error.status === 422) return onProblems(error.body);
    if (error.status === 409) openRow(id);
    return false;
  });
  if (taken) {
    notify("ok", t(`verdict.done.${body.verdict}`));
    await openRow(id);
  }
  return taken;
}

export const setStatus = async (status) => {
  if (!(await attempt(() => put("/v1/me/status", {status})))) return;
  dispatch({type: "me", me: {...state.value.me, ...(await get("/v1/me"))}});
};
export const saveViews = async (views) => {
  if (await attempt(() => put("/v1/me/views", {views}))) dispatch({type: "views", views});
};
export const rehome = async (id) => {
  if (await attempt(() => post(`/v1/agents/${encodeURIComponent(id)}/rehome`))) notify("ok", t("done.rehome"));
  loadAgents();
};
export const switchAi = async (queue, verb) => {
  if (await attempt(() => post(`/v1/queues/${encodeURIComponent(queue)}/${verb}`))) notify("ok", t(`done.${verb}`, {queue}));
  loadAgents();
};
export const search = (q) => get("/v1/search", {q});

let viewed = 0;
/** Tell others that I look here or type here; at most every three seconds, and nobody waits for it. */
export function sign(what) {
  if (!open.value || Date.now() - viewed < 3000) return;
  viewed = Date.now();
  conversationCommand(open.value.tenant, open.value.key, what, {}).catch(() => {});
}
export const letters = preference("letters", "on");
