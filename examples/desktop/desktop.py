"""A desktop for human agents in one file: takes the next handover, replies to the customer, resolves it.

Needs nats-py and nothing of HIL Agent System; all it knows is in contracts/README.md.
Exit status: 0 resolved, 2 wrong usage, 3 NATS does not answer, 4 nothing to take in time, 5 a command was refused.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nats
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DeliverPolicy

STREAM = "HIL_LOG"
CONNECT: dict[str, Any] = {"connect_timeout": 5, "max_reconnect_attempts": 1, "reconnect_time_wait": 0.2}
Body = dict[str, Any]


class Refused(Exception):
    """A command had no effect; the text says why."""


@dataclass
class Handover:
    """One conversation that needs a person, and what this desktop says about it."""

    jetstream: JetStreamContext
    tenant: str
    key: str
    body: Body
    actor: str

    async def command(self, name: str, fields: Body, *, ordinal: str) -> str:
        """Publish a command under an id of our own; sent twice, it has one effect. The id of the message."""
        identity = f"{self.actor}-{ordinal}-{self.body['handover_id']}"
        own_name = "message_id" if name == "message.send" else "command_id"
        subject = f"hil.cmd.{name}.v1.{self.tenant}.{self.key}"
        headers = {"Nats-Msg-Id": f"{self.tenant}:{self.key}:{identity}"}
        body = json.dumps({own_name: identity, **fields}).encode()
        await self.jetstream.publish(subject, body, stream=STREAM, headers=headers)
        return headers["Nats-Msg-Id"]

    async def fact(self, wanted: Callable[[str, Body, Msg], bool]) -> tuple[str, Body]:
        """The first fact of this conversation that is wanted; facts stored before are looked at too."""
        facts = await self.jetstream.subscribe(
            f"hil.evt.*.*.v1.{self.tenant}.{self.key}",
            stream=STREAM,
            ordered_consumer=True,
            deliver_policy=DeliverPolicy.ALL,
        )
        try:
            while True:
                msg = await facts.next_msg(timeout=None)
                name = ".".join(msg.subject.split(".")[2:4])
                body = json.loads(msg.data) if msg.data else {}
                if wanted(name, body, msg):
                    return name, body
        finally:
            await facts.unsubscribe()

    async def change(self, name: str, epoch: int, **fields: str) -> int:
        """Claim, resolve, …: the epoch that is in force afterwards. Raises Refused."""
        about = {"handover_id": self.body["handover_id"], "actor_id": self.actor, "ownership_epoch": epoch, **fields}
        cause = await self.command(name, about, ordinal=name.rpartition(".")[2])
        answer, body = await self.fact(
            lambda name, _, msg: name.startswith("handover.") and (msg.headers or {}).get("ce-causedby") == cause
        )
        if answer == "handover.refused":
            raise Refused(f"{name}: {body['reason']} {body.get('detail', '')} (owner {body.get('owner_id')})")
        return int(body["ownership_epoch"])

    async def reply(self, text: str, epoch: int) -> None:
        """Returns once the customer has it. Raises Refused."""
        said = {"text": text, "author_id": self.actor, "ownership_epoch": epoch}
        await self.command("message.send", said, ordinal="reply")
        own_id = f"{self.actor}-reply-{self.body['handover_id']}"
        name, body = await self.fact(
            lambda name, body, _: name in ("message.sent", "message.suppressed") and body.get("message_id") == own_id
        )
        if name == "message.suppressed":
            raise Refused(f"reply: {body['reason']}")


async def work(jetstream: JetStreamContext, asked: argparse.Namespace) -> int:
    """Take the first handover that nobody else has, and see it through."""
    opened = await jetstream.subscribe(
        f"hil.cmd.handover.open.v1.{asked.tenant}.{asked.conversation}",
        stream=STREAM,
        ordered_consumer=True,
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
    )
    while True:
        msg = await opened.next_msg(timeout=None)
        body: Body = json.loads(msg.data)
        handover = Handover(jetstream, asked.tenant, msg.subject.rpartition(".")[2], body, asked.actor)
        print(f"{handover.key}: {body['reason']}; {body['packet'].get('ask', '')}")
        try:
            epoch = await handover.change("handover.claim", body.get("ownership_epoch", 0))
        except Refused as refused:
            print(f"{handover.key} is not to be had: {refused}", file=sys.stderr)
            continue
        print(f"{handover.key}: claimed in epoch {epoch}")
        await handover.reply(asked.reply, epoch)
        print(f"{handover.key}: replied")
        await handover.change("handover.resolve", epoch, resolution=asked.resolution)
        print(f"{handover.key}: resolved")
        return 0


async def sit_down(asked: argparse.Namespace) -> int:
    try:
        client = await nats.connect(asked.nats, **CONNECT, error_cb=report)
    except (OSError, nats.errors.Error) as error:
        print(f"NATS at {asked.nats} does not answer: {error}", file=sys.stderr)
        return 3
    try:
        async with asyncio.timeout(asked.timeout_seconds):
            return await work(client.jetstream(), asked)
    except TimeoutError:
        print(f"nothing could be finished within {asked.timeout_seconds} s", file=sys.stderr)
        return 4
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 5
    except (nats.errors.Error, nats.js.errors.Error) as error:
        print(f"NATS refused: {error}", file=sys.stderr)
        return 3
    finally:
        await client.close()


async def report(error: Exception) -> None:
    """Permission errors arrive here only."""
    print(f"NATS: {error}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take a handover, reply, resolve.")
    parser.add_argument("--nats", default=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), help="or NATS_URL")
    parser.add_argument("--tenant", default=os.environ.get("HIL_TENANT", "acme"), help="or HIL_TENANT")
    parser.add_argument("--conversation", default="*", help="only this one; any if none is named")
    parser.add_argument("--actor", default=os.environ.get("USER", "ada"), help="id of the human agent")
    parser.add_argument("--reply", default="Hello, I am a human being. I take care of it.")
    parser.add_argument("--resolution", default="done")
    parser.add_argument("--timeout-seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(sit_down(arguments())))
