// When are the figures on the page no longer the newest?
import {again, connection, count, signedOut} from "./store.js";
import {inFlight} from "./api.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
const SILENT_MS = 25_000; // Two missed events of 10 s, and a little.
const PAUSE_MS = 1000; // Between two rounds of questions, however fast is counted.
let source = null;
let tries = 0;
let heard = 0;
let newest = null;
let asked = 0;
let timer = null;

/** Follow the counts for as long as the page is open. */
export function startLive() {
  connect();
  addEventListener("online", connect);
  addEventListener("offline", () => { connection.value = "offline"; });
  document.addEventListener("visibilitychange", () => !document.hidden && round());
  setInterval(listen, 5000);
}

/** A connection that nothing comes from is dead, whatever the browser believes of it. */
function listen() {
  if (Date.now() - heard <= SILENT_MS || connection.value === "offline") return;
  connection.value = "reconnecting";
  connect();
}

/** After a sign-in, or when somebody asks for it. */
export function connect() {
  source?.close();
  clearTimeout(timer);
  heard = Date.now(); // It has its time from now on.
  source = new EventSource("/v1/live");
  source.onerror = retry;
  source.addEventListener("counted", ({data}) => {
    const isBack = connection.value !== "live";
    tries = 0;
    heard = Date.now();
    connection.value = "live";
    newest = JSON.parse(data).as_of_seq;
    round(isBack);
  });
}

/** Our own retry: a browser gives up for ever where the service once answers with an error. */
function retry() {
  source.close();
  connection.value = navigator.onLine ? "reconnecting" : "offline";
  timer = setTimeout(connect, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
  tries += 1;
}

/** Ask again if there is something new to see (or `isBack`: what failed meanwhile is asked again too). Nobody looks at a
 * hidden page, and one round ends before the next. */
function round(isBack = false) {
  const moved = isBack || newest !== count.value.as_of_seq || Date.now() - asked > SILENT_MS;
  if (document.hidden || signedOut.value || !moved) return;
  const wait = asked + PAUSE_MS - Date.now();
  if (wait > 0 || inFlight()) {
    clearTimeout(round.timer);
    round.timer = setTimeout(round, Math.max(wait, 100), isBack);
    return;
  }
  asked = Date.now();
  again(newest);
}
