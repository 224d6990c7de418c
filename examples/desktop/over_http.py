"""A desktop for human agents over HTTP and server-sent events: only the standard library, and no NATS.

Orders come as lines of JSON on standard input, one answer each goes to standard output (docs/desktops.md). Put your
own screen in their place; what is worth copying is how the feed is followed and how a command is asked.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import quote, urlencode
from uuid import uuid4

URL = os.environ["HIL_INBOX_URL"].rstrip("/")
WHO = {"Authorization": f"Bearer {os.environ['HIL_TOKEN']}", "Hil-Actor": os.environ["HIL_ACTOR"]}
OPEN = urlencode({"state": ["waiting", "assigned", "snoozed"], "limit": 1000}, doseq=True)
SILENCE_SECONDS, TRIES = 25, 5  # A heartbeat comes every 10 seconds.


def ask(path, body=None, **headers):
    content = None if body is None else json.dumps(body).encode()
    headers = {k.replace("_", "-"): v for k, v in headers.items()} | WHO | {"Content-Type": "application/json"}
    return urllib.request.urlopen(urllib.request.Request(URL + path, content, headers), timeout=SILENCE_SECONDS)


def pages(path):
    """All pages of a list."""
    page = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        page = json.load(ask(path + (f"&cursor={quote(page['next_cursor'])}" if page["next_cursor"] else "")))
        yield page


class Desktop:
    """What is known: documents by id, the place in the log through which they are complete, and whether that is now."""

    def __init__(self):
        self.rows, self.lines, self.cursor, self.live = {}, {}, None, False
        self.lock = threading.Lock()

    def follow(self):
        """For ever: the snapshot once, then the feed from there; again and again from the last whole event."""
        while True:
            try:
                if self.cursor is None:
                    self.begin()
                for event, data in events(self.cursor):
                    with self.lock:
                        self.take(event, data)
                    if event == "reset":
                        break
            except (OSError, urllib.error.URLError, ValueError) as error:
                print(f"not live: {error}", file=sys.stderr)
            self.live = False
            time.sleep(0.2)

    def begin(self):
        """A snapshot. Its pages are of different moments, so the feed is followed from the oldest of them."""
        read = list(pages(f"/v1/queue?{OPEN}"))
        opened = {key: transcript(key) for key in self.lines}
        with self.lock:
            self.rows = {row["id"]: row for page in read for row in page["rows"]}
            self.lines = opened
            self.cursor = min(page["as_of_seq"] for page in read)

    def take(self, event, data):
        self.live = True
        if event == "reset":  # What we know has a hole.
            self.cursor = None
        elif event == "heartbeat":
            self.cursor = max(self.cursor, data["seq"])
        elif event == "change":
            for row in data["rows"]:
                if row["as_of_seq"] >= self.rows.get(row["id"], row)["as_of_seq"]:
                    self.rows[row["id"]] = row
            if data["key"] in self.lines:
                self.lines[data["key"]].update((line["id"], line) for line in data["lines"])
            self.cursor = max(self.cursor, data["seq"])

    def show(self):
        with self.lock:
            lines = {key: list(known.values()) for key, known in self.lines.items()}
            return {"seq": self.cursor or 0, "live": self.live, "rows": list(self.rows.values()), "lines": lines}

    def open(self, conversation):
        """Changes of it that come while it is read are put over what was read."""
        with self.lock:
            self.lines[conversation] = {}
        read = transcript(conversation)
        with self.lock:
            self.lines[conversation] = read | self.lines[conversation]
        return {"outcome": "done"}

    def command(self, verb, handover, body):
        """Says what was seen, and is asked under one key until it is answered: so it has one effect."""
        etag = json.load(ask(f"/v1/handovers/{quote(handover)}"))["etag"]
        key = str(uuid4())
        for _ in range(TRIES):
            try:
                answer = json.load(
                    ask(f"/v1/handovers/{quote(handover)}/{verb}", body, If_Match=etag, Idempotency_Key=key)
                )
                return {"outcome": "done", "message_id": answer.get("message_id")}
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    refusal = json.load(error)
                    return {"outcome": "refused", "owner_id": refusal.get("owner_id"), "error": refusal["error"]}
            except OSError as error:
                print(f"{verb}: asked again after {error}", file=sys.stderr)
            time.sleep(0.2)
        return {"outcome": "unknown"}

    def claim(self, handover):
        return self.command("claim", handover, {})

    def reply(self, handover, text):
        return self.command("reply", handover, {"text": text})

    def undo(self, handover, message_id):
        return self.command(f"replies/{quote(message_id)}/undo", handover, {})


def transcript(key):
    path = f"/v1/conversations/{os.environ.get('HIL_TENANT', 'acme')}/{quote(key)}?limit=200"
    return {line["id"]: line for page in pages(path) for line in page["transcript"]}


def events(cursor):
    """(name, data) of each whole event behind the cursor. A piece of one at the end of the stream is none."""
    name, data = "message", ""
    for raw in ask("/v1/feed", Last_Event_ID=str(cursor)):
        field, _, value = raw.decode().rstrip("\r\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif not field and raw.strip() == b"":
            if data:
                yield name, json.loads(data)
            name, data = "message", ""


desktop = Desktop()
threading.Thread(target=desktop.follow, daemon=True).start()
for order in map(json.loads, sys.stdin):
    do = order.pop("do")
    print(json.dumps({"do": do} | getattr(desktop, do)(**order)), flush=True)
