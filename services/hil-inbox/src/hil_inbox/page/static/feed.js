// How do changes reach every tab over one stream? The tab that holds a lock reads it and tells the others.
//
// A browser frees the lock when its tab dies, so the next tab goes on from its own newest sequence. A tab that joins
// asks for what came after its snapshot; a leader that no longer knows says so, and the tab fetches all again.

const CHANNEL = "hil-inbox-feed";
export const RING_MAX = 2000;
const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const NAMED = ["presence", "typing", "viewing", "heartbeat", "reset"];

/** `seq()` is the newest applied sequence of this tab; `deliver(name, data)` gets each event; `status(state)` the connection. */
export function startFeed({seq, deliver, status, refused}) {
  const channel = new BroadcastChannel(CHANNEL);
  const feed = {seq, deliver, status, refused, channel, ring: [], floor: 0, source: null, leading: false, tries: 0};
  channel.onmessage = ({data}) => heard(feed, data);
  navigator.locks.request(CHANNEL, () => lead(feed)).catch(() => status("reconnecting"));
  channel.postMessage({kind: "hello", after: seq()});
  addEventListener("online", () => feed.leading && connect(feed));
  return {hello: () => channel.postMessage({kind: "hello", after: seq()}), restart: () => feed.leading && connect(feed)};
}

function lead(feed) {
  feed.leading = true;
  connect(feed);
  feed.channel.postMessage({kind: "leader"});
  return new Promise(() => {}); // Until the tab goes.
}

function connect(feed) {
  feed.source?.close();
  clearTimeout(feed.timer);
  feed.ring = [];
  feed.floor = feed.seq();
  const source = new EventSource(`/v1/feed?after=${feed.seq()}`);
  feed.source = source;
  source.onopen = () => { feed.tries = 0; tell(feed, "status", "live"); };
  source.onerror = () => retry(feed, source);
  source.addEventListener("change", ({data}) => tell(feed, "change", JSON.parse(data)));
  for (const name of NAMED) source.addEventListener(name, ({data}) => tell(feed, name, JSON.parse(data)));
}

/** Our own retry: it always names this tab's newest sequence, and goes on where the browser would give up. */
function retry(feed, source) {
  if (feed.source !== source) return;
  source.close();
  tell(feed, "status", "reconnecting");
  feed.timer = setTimeout(() => connect(feed), RETRY_MS[Math.min(feed.tries, RETRY_MS.length - 1)]);
  feed.tries += 1;
  if (feed.tries === 3) feed.refused(); // Perhaps the session is over: an ordinary request finds out.
}

function tell(feed, name, data) {
  if (name === "change") {
    feed.ring.push(data);
    if (feed.ring.length > RING_MAX) feed.floor = feed.ring.splice(0, RING_MAX / 2).at(-1).seq;
  }
  if (name === "reset") feed.source.close();
  feed.channel.postMessage({kind: "event", name, data});
  take(feed, name, data);
}

function take(feed, name, data) {
  if (name === "status") feed.status(data);
  else feed.deliver(name, data);
}

function heard(feed, message) {
  if (message.kind === "event") return take(feed, message.name, message.data);
  if (message.kind === "leader") return feed.channel.postMessage({kind: "hello", after: feed.seq()});
  if (message.kind === "hello" && feed.leading) return replay(feed, message.after);
  if (message.kind === "replay" && !feed.leading) for (const change of message.changes) feed.deliver("change", change);
  return undefined;
}

/** What came after a sequence, for a tab that joined; `reset` where the ring does not reach back so far. */
function replay(feed, after) {
  const state = feed.source?.readyState === 1 ? "live" : "reconnecting";
  feed.channel.postMessage({kind: "event", name: "status", data: state});
  if (after < feed.floor) {
    feed.channel.postMessage({kind: "event", name: "reset", data: {reason: "joined_late", seq: feed.seq(), after}});
    return;
  }
  feed.channel.postMessage({kind: "replay", changes: feed.ring.filter((change) => change.seq > after)});
}
