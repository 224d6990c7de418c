"""A desktop for human agents over NATS: needs nats-py, and nothing of HIL Agent System.

Orders come as lines of JSON on standard input, one answer each goes to standard output (docs/desktops.md). Put your
own screen in their place; what is worth copying is how the log is followed and how a command is asked.
"""

import asyncio
import contextlib
import json
import os
import sys
from uuid import uuid4

import nats
import nats.errors
from nats.js.api import ConsumerConfig, DeliverPolicy

STREAM, ANSWER_SECONDS = "HIL_LOG", 10
TENANT, ACTOR = os.environ.get("HIL_TENANT", "acme"), os.environ["HIL_ACTOR"]
STATES = {"claimed": "assigned", "released": "waiting", "resolved": "done", "returned": "done"}


class Desktop:
    """What is known, and the place in the log through which it is complete."""

    def __init__(self, client):
        self.client, self.jetstream = client, client.jetstream()
        self.cursor, self.live, self.rows, self.epochs, self.lines, self.waiting = 0, False, {}, {}, {}, {}

    async def follow(self):
        """For ever: everything behind the cursor, again from there after each break."""
        while True:
            with contextlib.suppress(nats.errors.Error, OSError):
                place = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.cursor + 1)
                subject = f"hil.*.*.*.*.{TENANT}.*"
                log = await self.jetstream.subscribe(subject, stream=STREAM, ordered_consumer=True, config=place)
                self.live = True
                while self.client.is_connected:
                    with contextlib.suppress(TimeoutError):
                        self.take(await log.next_msg(timeout=0.2))
                await log.unsubscribe()
            self.live = False
            await asyncio.sleep(0.2)

    def take(self, msg):
        _, _, noun, word, _, _, key = msg.subject.split(".")
        body, headers = json.loads(msg.data) if msg.data else {}, msg.headers or {}
        if noun == "handover":
            self.handover(word, key, body, msg.metadata.sequence.stream)
        elif noun == "message" and word in ("received", "sent", "suppressed"):  # The same id again is the same line.
            id_ = body.get("message_id") or headers.get("ce-id") or headers["Nats-Msg-Id"]
            line = {"id": id_, "message_id": body.get("message_id"), "state": word, "text": body.get("text")}
            self.lines.setdefault(key, {})[id_] = line
        answered = self.waiting.pop(headers.get("ce-causedby"), None)
        if answered is not None and not answered.done():
            answered.set_result((word, body))
        self.cursor = msg.metadata.sequence.stream

    def handover(self, word, key, body, seq):
        """Who speaks changes with a larger epoch only: an older fact may be stored again."""
        row = {"id": body.get("handover_id"), "key": key, "state": "waiting", "owner_id": None, "as_of_seq": seq}
        if word == "open" and row["id"] not in self.rows:
            self.rows[row["id"]] = row
            self.epochs.setdefault(key, body.get("ownership_epoch", 0))
        elif word in STATES and body["ownership_epoch"] > self.epochs.get(key, 0):
            self.rows[row["id"]] = row | {"state": STATES[word], "owner_id": body.get("agent_id")}
            self.epochs[key] = body["ownership_epoch"]

    async def command(self, name, key, body, own_name="command_id"):
        """Under an id of our own: published twice it has one effect. The id, and the first fact that it led to."""
        id_ = str(uuid4())
        message_id = f"{TENANT}:{key}:{id_}"
        self.waiting[message_id] = answered = asyncio.get_running_loop().create_future()
        content = json.dumps({own_name: id_, **body}).encode()
        subject = f"hil.cmd.{name}.v1.{TENANT}.{key}"
        await self.jetstream.publish(subject, content, stream=STREAM, headers={"Nats-Msg-Id": message_id})
        return id_, answered

    async def show(self):
        shown = {"seq": self.cursor, "live": self.live and self.client.is_connected, "rows": list(self.rows.values())}
        return {**shown, "lines": {key: list(lines.values()) for key, lines in self.lines.items()}}

    async def open(self, conversation):
        return {"outcome": "done"}

    async def claim(self, handover):
        key = self.rows[handover]["key"]
        seen = {"handover_id": handover, "actor_id": ACTOR, "ownership_epoch": self.epochs[key]}
        _, answered = await self.command("handover.claim", key, seen)
        try:
            word, fact = await asyncio.wait_for(answered, ANSWER_SECONDS)
        except TimeoutError:
            return {"outcome": "unknown"}
        if word == "refused":
            return {"outcome": "refused", "owner_id": fact.get("owner_id")}
        return {"outcome": "done"}

    async def reply(self, handover, text):
        key = self.rows[handover]["key"]
        body = {"text": text, "author_id": ACTOR, "ownership_epoch": self.epochs[key], "hold_ms": 5000}
        message_id, _ = await self.command("message.send", key, body, "message_id")
        return {"outcome": "done", "message_id": message_id}

    async def undo(self, handover, message_id):
        """Names the reply; whether it was still held says the log."""
        key = self.rows[handover]["key"]
        body = {"message_id": message_id, "author_id": ACTOR}
        await self.command("message.unsend", key, body)
        return {"outcome": "done"}


async def main():
    client = await nats.connect(
        os.environ["NATS_URL"], max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=report, name="desktop"
    )
    desktop = Desktop(client)
    following = asyncio.create_task(desktop.follow())
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        do = order.pop("do")
        print(json.dumps({"do": do} | await getattr(desktop, do)(**order)), flush=True)
    following.cancel()
    with contextlib.suppress(OSError):  # It may be away.
        await client.close()


async def report(error):
    print(f"NATS: {error!r}", file=sys.stderr)


asyncio.run(main())
