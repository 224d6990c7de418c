"""Does anything of what a customer said about himself stand where it must not: in a provider's request, a log, a span,
a metric, a cache, the figures, or in a field of a message or document that the contracts do not mark?"""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import redis.asyncio
from nats.js.errors import NotFoundError
from tests.support.otlp_receiver import Receiver, otlp_receiver, traced
from tests.support.pii_scan import assert_no_pii, pii_outside_marked_fields, places_of
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem, whole_system

from contracts.catalogue import BY_TYPE
from contracts.handovers import OpenHandover
from contracts.json_schemas import json_schema_of
from contracts.streams import LOG
from contracts.subjects import parse_subject
from hil.replay_model.script import Rule

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
SECRETS = (
    "anna.meyer@example.com",
    "+493090182077",
    "4111111111111111",
    "536-90-4399",
    "DE89370400440532013000",
    "203.0.113.77",
)
PLAN = "do " + " ".join(f"append:{secret}" for secret in SECRETS)
SPOKEN = "I am anna.meyer@example.com, call +493090182077, card 4111111111111111, SSN 536-90-4399"
CALL_LEDGER = b"hil:tool_call:"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with otlp_receiver() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("system")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(directory: Path, receiver: Receiver) -> AsyncIterator[WholeSystem]:
    """A system whose provider is not trusted, after all kinds of conversations have been had."""
    stranger = {"LLM_GATEWAY_PROVIDER_TRUSTED_WITH_PII": "false"}
    async with whole_system(directory, environment={**traced(receiver), **stranger}) as running:
        await _talk(running)
        yield running


async def _talk(system: WholeSystem) -> None:
    done = await system.ask("finished", PLAN)
    assert [message.text for message in done.messages] == ["done: " + ", ".join(SECRETS)]
    assert system.effects() == list(SECRETS), "tools get what was meant"
    handed_over = await system.ask("handed-over", f"{PLAN} transfer")
    assert handed_over.handover is not None
    await _until_the_inbox_has_it(system, handed_over.handover)
    system.plan_faults(Rule(match="fails", status=400, times=None), Rule(match="garbage", malformed=SPOKEN, times=9))
    await system.ask("failed", f"{SPOKEN}: this fails")
    await system.ask("garbled", f"{SPOKEN}: garbage")
    await system.ask("unknown-tool", f"do {SECRETS[0]}:x")
    status, answer = await system.http("hil_inbox", f"/v1/handovers/{SECRETS[0]}")
    assert status == 404, answer


async def _until_the_inbox_has_it(system: WholeSystem, handover: OpenHandover) -> None:
    async def listed() -> bool:
        return (await system.http("hil_inbox", f"/v1/handovers/{handover.handover_id}"))[0] == 200

    await wait_until(listed)


async def test_a_provider_sees_placeholders_alone(system: WholeSystem) -> None:
    bodies = [json.dumps(received.body) for received in system.model.received]
    assert len(bodies) > len(SECRETS)
    assert "[EMAIL_" in bodies[0] and "[CARD_" in bodies[0]
    assert_no_pii(bodies, SECRETS)
    assert_no_pii([json.dumps(received.headers) for received in system.model.received], SECRETS)


async def test_no_log_line_holds_a_secret(system: WholeSystem, directory: Path) -> None:
    logs = files(directory, "*.log")
    assert {"orchestrator.log", "llm_gateway.log", "tool_runner.log"} <= {path.name for path in logs}
    assert any(path.stat().st_size for path in logs)
    assert_no_pii(logs, SECRETS)


def files(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.rglob(pattern))


async def test_no_span_holds_a_secret(system: WholeSystem, receiver: Receiver) -> None:
    await wait_until(lambda: receiver.of_key("handed-over"))
    assert_no_pii(receiver.bodies, SECRETS)


async def test_no_metric_holds_a_secret(system: WholeSystem) -> None:
    pages = []
    async with aiohttp.ClientSession() as session:
        for service in ("orchestrator", "llm_gateway", "tool_runner", "hil_inbox", "analytics"):
            async with session.get(f"{system.stack.endpoints[service]}/metrics") as answer:
                assert answer.status == 200
                pages.append(await answer.text())
    assert any("hil_masked_values_total" in page for page in pages)
    assert_no_pii(pages, SECRETS)


async def test_redis_holds_no_secret(system: WholeSystem) -> None:
    """Read kind by kind: a dump is compressed, and a search would find nothing in it."""
    client = redis.asyncio.from_url(system.stack.endpoints["redis"])
    try:
        stored = {key: await value_of(client, key) async for key in client.scan_iter(count=1_000)}
    finally:
        await client.aclose()
    ledger = {key: value for key, value in stored.items() if key.startswith(CALL_LEDGER)}
    assert len(ledger) >= len(SECRETS) and all(b"'v'" in value for value in ledger.values()), "results are kept"
    assert_no_pii([part for entry in stored.items() for part in entry], SECRETS)


async def value_of(client: redis.asyncio.Redis, key: bytes) -> bytes:
    """All that Redis keeps under a key."""
    kind = (await client.type(key)).decode()
    read = {
        "none": lambda: client.get(key),  # It has just expired.
        "string": lambda: client.get(key),
        "hash": lambda: client.hgetall(key),
        "list": lambda: client.lrange(key, 0, -1),
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1, withscores=True),
        "stream": lambda: client.xrange(key),
    }[kind]
    return str(await read()).encode()


async def test_messages_hold_secrets_in_marked_fields_alone(system: WholeSystem) -> None:
    jetstream, found, seen = system.connection.jetstream, [], set[str]()
    last = (await jetstream.stream_info(LOG.name)).state.last_seq
    for sequence in range(1, last + 1):
        try:
            stored = await jetstream.get_msg(LOG.name, sequence)
        except NotFoundError:  # A timer that was replaced.
            continue
        assert_no_pii([stored.subject, json.dumps(stored.headers or {})], SECRETS)
        if not stored.subject.startswith(("hil.cmd.", "hil.evt.")):
            assert_no_pii([stored.data], SECRETS)
            continue
        subject = parse_subject(stored.subject)
        kind = BY_TYPE[f"hil.{subject.kind}.{subject.name}.v{subject.major}"]
        found += [f"{kind.__name__} {at}" for at in outside(stored.data, kind)]
        if places_of([stored.data], SECRETS):
            seen.add(kind.__name__)
    assert {"MessageReceived", "ExecuteToolCall", "MessageSent", "OpenHandover"} <= seen, "the scan sees secrets"
    assert sorted(set(found)) == []


def outside(body: bytes, kind: type) -> list[str]:
    return pii_outside_marked_fields(body, json_schema_of(kind), SECRETS)


async def test_a_handovers_document_holds_secrets_in_the_marked_fields_of_its_packet_alone(system: WholeSystem) -> None:
    [handover] = await system.messages(OpenHandover, "handed-over")
    assert isinstance(handover, OpenHandover)
    _, shown = await system.http("hil_inbox", f"/v1/handovers/{handover.handover_id}")
    row = shown.pop("row")
    assert shown["packet"]["ask"].startswith(shown.pop("ask")), "a copy of the packet's, for the list"
    assert shown["packet"]["ask"].startswith(row["ask"]), "the same, for the queue"
    assert places_of([json.dumps(shown)], SECRETS)
    assert pii_outside_marked_fields(json.dumps(shown), json_schema_of(OpenHandover), SECRETS) == []
    _, listed = await system.http("hil_inbox", "/v1/handovers")
    assert isinstance(listed, dict)


async def test_the_file_of_the_inbox_holds_secrets_where_people_read_marked_fields_alone(
    system: WholeSystem, directory: Path
) -> None:
    holding, packets = set[str](), 0
    with closing(sqlite3.connect(f"file:{directory}/stores/hil_inbox.sqlite3?mode=ro", uri=True)) as opened:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for place, body in opened.execute(f'SELECT id, body FROM "{table}"'):
                assert_no_pii([place], SECRETS)
                document = json.loads(body)
                holding |= {f"{table}.{name}" for name, value in document.items() if holds_secret(value)}
                if "packet" in document:
                    packets += 1
                    written = json.dumps({"packet": document["packet"]})
                    assert pii_outside_marked_fields(written, json_schema_of(OpenHandover), SECRETS) == []
    assert packets
    assert holding == {
        "documents_handovers.ask",
        "documents_packets.packet",
        "documents_queue.ask",
        "documents_transcript.text",
        "documents_conversations.last_text",
    }


def holds_secret(value: object) -> bool:
    return bool(places_of([json.dumps(value)], SECRETS))


async def test_the_files_of_analytics_hold_no_secret(system: WholeSystem, directory: Path) -> None:
    stored = files(directory / "stores", "analytics*")
    assert stored
    assert_no_pii(stored, SECRETS)
