"""Does what is stored in the log fit the published contracts: bodies their schemas, headers the AsyncAPI document?"""

import json
from pathlib import Path
from typing import Any

import nats
import yaml
from jsonschema import Draft202012Validator
from nats.aio.msg import Msg

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"


async def stored_messages(nats_url: str) -> list[Msg]:
    """Every command and event of the log, in order."""
    client = await nats.connect(nats_url)
    try:
        jetstream = client.jetstream()
        feed = await jetstream.subscribe("hil.*.*.*.*.*.*", stream="HIL_LOG", ordered_consumer=True)
        found = [await feed.next_msg(timeout=10)]
        while found[-1].metadata.num_pending:
            found.append(await feed.next_msg(timeout=10))
        return found
    finally:
        await client.close()


def breaches(messages: list[Msg]) -> list[str]:
    """One line for each body or header that is not as the contracts say; the files alone are asked, not our code."""
    document = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text())
    named = {message["name"]: message for message in document["components"]["messages"].values()}
    found = []
    for msg in messages:
        kind = msg.subject.rsplit(".", 2)[0]
        found += [f"{msg.subject}: {line}" for line in _body(kind, msg) + _headers(document, named[kind], msg)]
    return found


def _body(kind: str, msg: Msg) -> list[str]:
    schema = json.loads((CONTRACTS / f"schemas/{kind}.json").read_text())
    return [error.message[:200] for error in Draft202012Validator(schema).iter_errors(json.loads(msg.data))]


def _headers(document: dict[str, Any], message: dict[str, Any], msg: Msg) -> list[str]:
    name = message["headers"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    headers = dict(msg.headers or {})
    problems = [error.message for error in Draft202012Validator(schema).iter_errors(headers)]
    if headers.get("ce-type", message["name"]) != message["name"]:
        problems.append(f"ce-type is {headers['ce-type']}")
    if name == "FencedHeaders" and "Nats-Msg-Id" in headers:
        problems.append("a fenced message carries a deduplication id")
    return problems
