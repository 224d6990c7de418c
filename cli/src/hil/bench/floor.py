"""python -m hil.bench.floor ROLE URL NODES: the same chain of messages with bare nats-py and no state.

`orchestrator` answers each start and each result with a message, `worker` each command; so an execution costs the same
number of stored messages, pulls and acknowledgements as the real one, and nothing else.
"""

import asyncio
import json
import sys

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

STREAM = "FLOOR"
START, COMMAND, RESULT, END = "floor.start", "floor.command", "floor.result", "floor.end"
PAYLOAD = "x" * 250
IN_FLIGHT = 400


async def prepare(jetstream: JetStreamContext) -> None:
    """The stream and one durable consumer a role."""
    await jetstream.add_stream(StreamConfig(name=STREAM, subjects=["floor.*.*"], storage=StorageType.FILE))
    for role, subjects in (("orchestrator", [f"{START}.*", f"{RESULT}.*"]), ("worker", [f"{COMMAND}.*"])):
        config = ConsumerConfig(
            durable_name=role, filter_subjects=subjects, ack_policy=AckPolicy.EXPLICIT, max_ack_pending=5_000
        )
        await jetstream.add_consumer(STREAM, config)


async def run(role: str, url: str, nodes: int) -> None:
    """Pull, publish, acknowledge; for ever."""
    client = await nats.connect(url, pending_size=64 << 20)
    jetstream = client.jetstream(publish_async_max_pending=IN_FLIGHT * 4)
    subscription = await jetstream.pull_subscribe_bind(consumer=role, stream=STREAM)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(msg: Msg) -> None:
        _, word, key = msg.subject.split(".")
        step = int(json.loads(msg.data)["step"])
        if role == "worker":
            subject, step = RESULT, step + 1
        else:
            subject = COMMAND if step < nodes else END
        body = json.dumps({"step": step, "payload": PAYLOAD, "word": word}).encode()
        stored = await jetstream.publish_async(
            f"{subject}.{key}", body, headers={"Nats-Msg-Id": f"{key}:{word}:{step}"}
        )
        await stored
        await msg.ack()

    while True:
        try:
            messages = await subscription.fetch(256, timeout=1)
        except TimeoutError:
            continue
        for msg in messages:
            task = asyncio.create_task(handle(msg))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
