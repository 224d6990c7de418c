// What does the open conversation or approval show after an event?

export const LINES_MAX = 2000;

/** `state.open`: {id, row kind, tenant, key, loading, error, handover, approval, conversation, lines, older, suggestions, seenLines, unseen}. */
export function reduceOpen(state, event) {
  switch (event.type) {
    case "open":
      return {...state, open: blank(event)};
    case "opened":
      return isOpen(state, event) ? {...state, open: withDocuments(state.open, event)} : state;
    case "open_failed":
      return isOpen(state, event) ? {...state, open: {...state.open, loading: false, error: event.error}} : state;
    case "older_lines":
      return isOpen(state, event) ? {...state, open: {...state.open, lines: joined(event.lines, state.open.lines), older: event.cursor}} : state;
    case "close":
      return {...state, open: null};
    case "seen":
      return state.open ? {...state, open: {...state.open, unseen: 0}} : state;
    case "etag":
      return state.open ? {...state, open: {...state.open, etag: event.etag}} : state;
    case "changes":
      return state.open ? {...state, open: event.changes.reduce(withChange, state.open)} : state;
    default:
      return state;
  }
}

const isOpen = (state, event) => state.open !== null && state.open.id === event.id;

const blank = ({id, kind, tenant, key}) => ({
  id, kind, tenant, key, loading: true, error: null, handover: null, approval: null, conversation: null,
  lines: [], older: null, suggestions: [], unseen: 0, seq: 0,
});

function withDocuments(open, {handover = null, approval = null, conversation = null, lines = [], older = null, suggestions = []}) {
  return {
    ...open, loading: false, error: null, handover, approval, older,
    conversation: (open.conversation?.epoch ?? 0) > (conversation?.epoch ?? 0) ? open.conversation : conversation,
    lines: joined(lines, open.lines), suggestions: suggestions.length ? suggestions : open.suggestions,
  };
}

/** Lines of both, each once, in the order of the log; the newer version of a line wins. */
export function joined(first, second) {
  const lines = new Map(first.map((line) => [line.id, line]));
  for (const line of second) {
    const known = lines.get(line.id);
    if (!known || line.seq >= known.seq) lines.set(line.id, line);
  }
  return [...lines.values()].sort((a, b) => a.seq - b.seq).slice(-LINES_MAX);
}

function withChange(open, change) {
  if (change.tenant !== open.tenant || change.key !== open.key || change.seq <= open.seq) return open;
  const lines = change.lines ?? [];
  const fromCustomer = lines.filter((line) => line.author === "customer" && !open.lines.some((one) => one.id === line.id));
  const row = (change.rows ?? []).find((one) => one.id === open.id);
  return {
    ...open,
    seq: change.seq,
    lines: lines.length ? joined(open.lines, lines) : open.lines,
    conversation: change.conversation ? {...open.conversation, ...change.conversation} : open.conversation,
    handover: row && open.handover ? {...open.handover, ...row} : open.handover,
    approval: row && open.approval ? {...open.approval, row} : open.approval,
    suggestions: change.suggestions?.length ? offered(open.suggestions, change.suggestions) : open.suggestions,
    unseen: open.unseen + fromCustomer.length,
  };
}

function offered(known, changed) {
  const all = new Map(known.map((one) => [one.suggestion_id ?? one.id, one]));
  for (const one of changed) {
    const id = one.suggestion_id ?? one.id;
    all.set(id, {...all.get(id), ...one});
  }
  return [...all.values()];
}
