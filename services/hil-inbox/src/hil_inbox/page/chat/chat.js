// What does the customer see, and what becomes of what they write? One page, no library; every text is a text node.

const TEXTS = {
  connecting: "Connecting …",
  assistant: "You are talking to our AI assistant",
  waiting: "Waiting for a person",
  place: (place) => `Waiting for a person, place ${place}`,
  person: (name) => `You are talking to ${name ?? "a person"}`,
  nobody: "Conversation ended. Write to start again.",
  joined: (name) => `${name ?? "A person"} joined`,
  ended: "This conversation has ended.",
  ai: "AI assistant",
  human: "Our team",
  system: "Notice",
  you: "You",
  replayed: "replayed",
  typing: (name) => `${name} is typing …`,
  sending: "Sending …",
  failed: "Not sent.",
  retry: "Try again",
  refused: (reason) => `Not accepted (${reason}).`,
  offline: "You are offline. What you write is sent when the connection is back.",
  reconnecting: "The connection was lost. Trying again …",
  closed: "This chat is not available: ",
  rated: "Thank you for your rating.",
};
const PENDING_MAX = 20;
const SILENCE_MS = 30_000; // Three heartbeats.
const STORED = "hil-chat-session";
const id = (name) => document.getElementById(name);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const state = { session: null, last: 0, oldest: null, lines: new Map(), pending: new Map(), speaker: null, tries: 0, cut: null };

// --- who I am

function kept() {
  try { return JSON.parse(localStorage.getItem(STORED)); } catch { return null; }
}

function keep(session) {
  try { localStorage.setItem(STORED, JSON.stringify(session)); } catch { /* A frame may be kept from its storage. */ }
}

/** The page around this one may know the customer. Only pages that may frame this one can answer. */
function askParent() {
  if (window.parent === window) return Promise.resolve(null);
  return new Promise((done) => {
    const timer = setTimeout(() => done(null), 3000);
    window.addEventListener("message", function take(event) {
      if (event.source !== window.parent || event.data?.hilChat !== "token") return;
      window.removeEventListener("message", take);
      clearTimeout(timer);
      done(event.data.token ?? null);
    });
    window.parent.postMessage({ hilChat: "token?" }, "*");
  });
}

async function start() {
  const token = await askParent();
  const old = kept();
  for (const proof of token ? [token] : [old?.session_token, null]) {
    if (proof === undefined) continue;
    const headers = proof ? { Authorization: `Bearer ${proof}` } : {};
    const answer = await fetch("/v1/chat/sessions", { method: "POST", headers });
    if (answer.ok) {
      state.session = await answer.json();
      if (!token) keep(state.session);
      return;
    }
    if (answer.status !== 401 || proof === null || token) throw await problem(answer);
  }
}

async function problem(answer) {
  const body = await answer.json().catch(() => ({}));
  const error = new Error(body.detail ?? body.problems?.[0]?.problem ?? `status ${answer.status}`);
  error.status = answer.status;
  error.afterMs = 1000 * Number(answer.headers.get("Retry-After") ?? 0);
  return error;
}

async function call(path, body) {
  const headers = { Authorization: `Bearer ${state.session.session_token}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/v1/chat/${path}`, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (!answer.ok) throw await problem(answer);
  return answer.status === 204 ? null : answer.json();
}

// --- what was said

function element(kind, className, text) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function author(line) {
  if (line.author === "customer") return TEXTS.you;
  if (line.author === "human_agent") return line.name ?? TEXTS.human;
  return line.author === "ai" ? TEXTS.ai : TEXTS.system;
}

function drawn(line) {
  const item = element("li", line.author);
  const who = element("span", "who", author(line));
  if (line.replayed) who.append(element("span", "tag", TEXTS.replayed));
  item.append(who, element("p", "bubble", line.text));
  if (line.at_ms) {
    const time = element("time", "state", new Date(line.at_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    time.dateTime = new Date(line.at_ms).toISOString();
    item.append(time);
  }
  return item;
}

function isAtEnd() {
  const box = id("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
}

function toEnd() {
  id("scroll").scrollTop = id("scroll").scrollHeight;
}

/** Lines stand in the order of the log, whatever order they come in; a known one changes nothing. */
function show(line) {
  state.last = Math.max(state.last, line.seq);
  state.oldest = Math.min(state.oldest ?? line.seq, line.seq);
  if (state.lines.has(line.id)) return;
  const stick = isAtEnd();
  const mine = line.author === "customer" ? state.pending.get(line.turn_id) : undefined;
  if (mine) {
    state.pending.delete(line.turn_id);
    mine.item.remove();
  }
  const item = drawn(line);
  item.dataset.seq = line.seq;
  if (line.author === "customer") item.dataset.turn = line.turn_id;
  const later = [...id("log").children].find((other) => !other.dataset.seq || Number(other.dataset.seq) > line.seq);
  id("log").insertBefore(item, later ?? null);
  state.lines.set(line.id, item);
  if (line.notice === "rating") state.asked = true;
  if (line.author === "ai" || line.author === "human_agent") showTyping(null);
  showRating();
  if (stick || mine) toEnd();
}

function showRating() {
  id("rating").hidden = !(state.asked && state.mayRate);
}

function note(text) {
  const item = element("li", "event");
  item.dataset.seq = state.last;
  item.append(element("p", "bubble", text));
  id("log").append(item);
  toEnd();
}

function showStatus(status) {
  const texts = {
    person: TEXTS.person(status.name),
    waiting: status.place ? TEXTS.place(status.place) : TEXTS.waiting,
    nobody: TEXTS.nobody,
    assistant: TEXTS.assistant,
  };
  id("speaker-text").textContent = texts[status.speaker];
  id("speaker").dataset.speaker = status.speaker;
  state.mayRate = status.may_rate;
  showRating();
  if (state.speaker && state.speaker !== status.speaker) {
    if (status.speaker === "person") note(TEXTS.joined(status.name));
    if (status.speaker === "nobody") note(TEXTS.ended);
  }
  state.speaker = status.speaker;
}

let typingTimer;
function showTyping(name, ms) {
  clearTimeout(typingTimer);
  const stick = isAtEnd();
  id("typing").hidden = name === null;
  id("typing-text").textContent = name === null ? "" : TEXTS.typing(name);
  if (name !== null && ms) typingTimer = setTimeout(() => showTyping(null), ms);
  if (stick) toEnd();
}

function showBanner(text) {
  id("banner").hidden = !text;
  id("banner").textContent = text ?? "";
}

// --- what I write

function write(text) {
  const turn = { turn_id: crypto.randomUUID(), text, locale: navigator.language };
  const item = drawn({ author: "customer", text });
  item.classList.add("pending");
  item.append(element("span", "state", TEXTS.sending));
  id("log").append(item);
  state.pending.set(turn.turn_id, { item, turn });
  toEnd();
  void send(turn.turn_id);
}

/** The same turn again is the same message: it may be sent as often as it takes. */
async function send(turnId) {
  const mine = state.pending.get(turnId);
  if (!mine || !state.session) return;
  const said = mine.item.querySelector(".state");
  mine.item.classList.remove("failed");
  mine.failed = false;
  said.textContent = TEXTS.sending;
  try {
    const { seq } = await call("messages", mine.turn);
    state.sent = Math.max(state.sent ?? 0, seq);
  } catch (error) {
    fail(turnId, error.status ? `${TEXTS.failed} ${error.message}` : TEXTS.failed);
    if (error.status === 401) {
      state.session = null;
      state.cut?.abort();
    }
  }
}

function fail(turnId, text) {
  const mine = state.pending.get(turnId);
  if (!mine) return;
  mine.item.classList.add("failed");
  const said = mine.item.querySelector(".state");
  said.textContent = text;
  const again = element("button", "", TEXTS.retry);
  again.type = "button";
  again.addEventListener("click", () => send(turnId));
  said.append(again);
  mine.failed = true;
}

function refuse({ turn_id: turnId, reason }) {
  const item = [...state.lines.values()].find((line) => line.dataset.turn === turnId);
  note(TEXTS.refused(reason));
  item?.classList.add("failed");
}

// --- what happens

const EVENTS = {
  message: show,
  refused: refuse,
  status: showStatus,
  typing: (typing) => {
    if (!typing.is_typing) showTyping(null);
    else if (typing.author === "ai") showTyping(TEXTS.ai, 120_000);
    else showTyping(typing.name ?? TEXTS.human, 6_000);
  },
  heartbeat: () => {},
  reset: () => { throw new Error("reset"); },
};

/** Reads the feed with fetch: an EventSource cannot send the token in a header, and in an address it would be logged. */
async function listen() {
  const headers = { Authorization: `Bearer ${state.session.session_token}` };
  if (state.last) headers["Last-Event-ID"] = String(state.last);
  state.cut = new AbortController();
  let timer = setTimeout(() => state.cut.abort(), SILENCE_MS);
  const answer = await fetch("/v1/chat/feed", { headers, signal: state.cut.signal });
  if (!answer.ok) throw await problem(answer);
  showBanner(null);
  state.tries = 0;
  for (const mine of state.pending.values()) if (mine.failed) void send(mine.turn.turn_id);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    clearTimeout(timer);
    timer = setTimeout(() => state.cut.abort(), SILENCE_MS);
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      take(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

function take(frame) {
  const fields = Object.fromEntries(frame.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  if (fields.data) EVENTS[fields.event]?.(JSON.parse(fields.data));
}

async function catchUp() {
  const page = await call("messages");
  page.messages.forEach(show);
  id("earlier").hidden = !page.has_earlier;
  state.last = page.as_of_seq;
  showStatus(page.status);
}

async function run() {
  for (;;) {
    let pause = Math.min(10_000, 500 * 2 ** state.tries) * (0.5 + Math.random() / 2);
    state.tries += 1;
    try {
      if (!state.session) {
        await start();
        await catchUp();
        toEnd();
      }
      await listen();
    } catch (error) {
      if (error.message === "reset") await catchUp().catch(() => {});
      if (error.status === 401) state.session = null;
      if (error.status && error.status !== 401) showBanner(TEXTS.closed + error.message);
      else showBanner(navigator.onLine ? TEXTS.reconnecting : TEXTS.offline);
      pause = Math.max(pause, error.afterMs ?? 0);
    }
    await Promise.race([wait(pause), new Promise((done) => { state.hurry = done; })]);
  }
}

// --- controls

id("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = id("text").value.trim();
  if (!text || state.pending.size >= PENDING_MAX || !state.session) return;
  id("text").value = "";
  id("text").style.height = "";
  write(text);
});

let typedMs = 0;
id("text").addEventListener("input", () => {
  id("text").style.height = "auto";
  id("text").style.height = `${id("text").scrollHeight + 2}px`;
  if (state.session && state.speaker === "person" && Date.now() - typedMs > 3000) {
    typedMs = Date.now();
    void call("typing", {}).catch(() => {});
  }
});

id("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  id("composer").requestSubmit();
});

for (let value = 1; value <= 5; value += 1) {
  const label = element("label", "", String(value));
  const choice = element("input");
  Object.assign(choice, { type: "radio", name: "rating", value: String(value), required: true });
  choice.setAttribute("aria-label", `${value} of 5${value === 1 ? ", bad" : value === 5 ? ", good" : ""}`);
  label.append(choice);
  id("stars").append(label);
}

id("rating").addEventListener("submit", async (event) => {
  event.preventDefault();
  const rating = Number(new FormData(event.target).get("rating"));
  id("rate").disabled = true;
  id("rating-problem").hidden = true;
  try {
    await call("rating", { rating, comment: id("comment").value.trim() });
  } catch (error) {
    if (error.status !== 409) {
      id("rating-problem").textContent = `${TEXTS.failed} ${error.message}`;
      id("rating-problem").hidden = false;
      id("rate").disabled = false;
      return;
    }
  }
  state.mayRate = false;
  showRating();
  id("rate").disabled = false;
  note(TEXTS.rated);
  id("text").focus();
});

id("earlier").addEventListener("click", async () => {
  const box = id("scroll");
  const fromEnd = box.scrollHeight - box.scrollTop;
  const page = await call(`messages?before=${state.oldest}`);
  page.messages.forEach(show);
  id("earlier").hidden = !page.has_earlier;
  box.scrollTop = box.scrollHeight - fromEnd;
});

window.addEventListener("offline", () => showBanner(TEXTS.offline));
window.addEventListener("online", () => {
  showBanner(TEXTS.reconnecting);
  state.tries = 0;
  state.cut?.abort(); // The old connection may be dead without knowing it.
  state.hurry?.();
});
void run();
