"""A customer's client application in one file: writes to a conversation and prints the answer.

Needs nats-py and nothing of HIL Agent System; all it knows is in contracts/README.md.
Exit status: 0 an answer was printed, 1 the message was refused, 2 wrong usage, 3 NATS does not answer, 4 no answer
in time.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
from typing import Any

import nats
import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import DeliverPolicy

STREAM = "HIL_LOG"
CONNECT: dict[str, Any] = {"connect_timeout": 5, "max_reconnect_attempts": 1, "reconnect_time_wait": 0.2}


def message_id(tenant: str, conversation: str, turn: str, text: str) -> str:
    """The same message gets the same id, so the server stores it once."""
    return f"{tenant}:{conversation}:{turn}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


async def send(jetstream: JetStreamContext, asked: argparse.Namespace) -> None:
    """Publish the customer's message and wait until it is stored."""
    subject = f"hil.evt.message.received.v1.{asked.tenant}.{asked.conversation}"
    body = {"turn_id": asked.turn, "text": asked.text}
    if asked.workflow:
        body["workflow"] = asked.workflow
    headers = {"Nats-Msg-Id": message_id(asked.tenant, asked.conversation, asked.turn, asked.text)}
    await jetstream.publish(subject, json.dumps(body).encode(), stream=STREAM, headers=headers)


async def answer(jetstream: JetStreamContext, asked: argparse.Namespace) -> int:
    """Read the facts of the conversation in order from the first, so that an answer given before is found too."""
    own_id = message_id(asked.tenant, asked.conversation, asked.turn, asked.text)
    facts = await jetstream.subscribe(
        f"hil.evt.*.*.v1.{asked.tenant}.{asked.conversation}",
        stream=STREAM,
        ordered_consumer=True,
        deliver_policy=DeliverPolicy.ALL,
    )
    first_id = None  # Of the first message of this turn: if it had other text, its answer is not ours.
    while True:
        fact = await facts.next_msg(timeout=None)
        name = ".".join(fact.subject.split(".")[2:4])
        body = json.loads(fact.data) if fact.data else {}
        if name == "message.received":
            if body.get("turn_id") == asked.turn and first_id is None:
                first_id = (fact.headers or {}).get("Nats-Msg-Id")
        elif name == "turn.refused" and body.get("input_id") == own_id:
            print(f"refused: {body['reason']} {body.get('detail', '')}".strip(), file=sys.stderr)
            return 1
        elif first_id != own_id:
            continue
        elif name == "execution.finished" and body.get("turn_id") == asked.turn and body["sink"] == "HANDOVER":
            print("a person takes over, please wait", file=sys.stderr)
        elif name == "message.sent" and is_answer(body, asked.turn):
            print(body["text"])
            return 0


def is_answer(body: dict[str, object], turn: str) -> bool:
    """What a person says carries no turn id."""
    return body.get("turn_id") == turn or body.get("kind") == "human_reply"


async def talk(asked: argparse.Namespace) -> int:
    try:
        client = await nats.connect(asked.nats, **CONNECT, error_cb=report)
    except (OSError, nats.errors.Error) as error:
        print(f"NATS at {asked.nats} does not answer: {error}", file=sys.stderr)
        return 3
    try:
        async with asyncio.timeout(asked.timeout_seconds):
            await send(client.jetstream(), asked)
            return await answer(client.jetstream(), asked)
    except TimeoutError:
        print(f"no answer within {asked.timeout_seconds} s; the message is stored and goes on", file=sys.stderr)
        return 4
    except (nats.errors.Error, nats.js.errors.Error) as error:
        print(f"NATS refused: {error}", file=sys.stderr)
        return 3
    finally:
        await client.close()


async def report(error: Exception) -> None:
    """Permission errors arrive here only."""
    print(f"NATS: {error}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write to a conversation as a customer, and print the answer.")
    parser.add_argument("text", help="what the customer writes")
    parser.add_argument("--nats", default=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), help="or NATS_URL")
    parser.add_argument("--tenant", default=os.environ.get("HIL_TENANT", "acme"), help="or HIL_TENANT")
    parser.add_argument("--conversation", default="c1")
    parser.add_argument("--turn", default="1", help="one turn is answered once; the next message needs another")
    parser.add_argument("--workflow", help="by name; the tenant's default if none")
    parser.add_argument("--timeout-seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(talk(arguments())))
