"""Chats as a customer over HTTP and server-sent events: no NATS, only the standard library."""

import json
import sys
import urllib.request
from uuid import uuid4


def call(path, body=None, token=None, **headers):
    headers |= {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    content = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(BASE + path, content, headers), timeout=30)


def events(token, after=0):
    """Endless: (name, data) in order. A connection that ends is opened again after the last message."""
    fields = {}
    while True:
        for line in call("/v1/chat/feed", token=token, **{"Last-Event-ID": str(after)}):
            if line.strip():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
            elif fields:
                after = fields.get("id", after)
                yield fields["event"], json.loads(fields["data"])
                fields = {}


BASE, text = sys.argv[1].rstrip("/"), sys.argv[2]
token = json.load(call("/v1/chat/sessions", {}))["session_token"]
turn = str(uuid4())
call("/v1/chat/messages", {"turn_id": turn, "text": text}, token)  # Again with this turn is not twice.
for event, data in events(token):
    if event == "status" and data["speaker"] == "waiting":
        print(f"waiting for a person, place {data['place']}", file=sys.stderr)
    if event == "message" and data["author"] in ("ai", "human_agent"):
        print(data["text"])
        break
