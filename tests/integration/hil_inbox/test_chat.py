"""A customer over HTTP and server-sent events, on a real service and a real bus."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from contracts.conversations import AnnounceMessage, ConversationRated, MessageReceived, MessageSuppressed
from contracts.handover_clocks import HandoverDelivered
from contracts.handovers import HandoverClaimed, HandoverResolved
from contracts.notes import NoteAdded
from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.connection import Connection
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES
from tests.support.chat_kit import (
    CUSTOMER_KEY,
    CUSTOMER_SECRET,
    SECRET,
    Customer,
    customer,
    messages_of,
    say_to,
    shown,
)
from tests.support.handovers import BASED, opened, put
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.wait_until import wait_until

QUEUES = """
queues:
  - {name: parcels, match: {skills: [parcels]}, rating_text: "Did the parcel come?"}
  - {name: silent, match: {skills: [silent]}, rating_text: ""}
  - name: general
"""
XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def chat_settings(settings: Settings, tmp_path: Path) -> Settings:
    key_file, queues_file = tmp_path / "customers.pem", tmp_path / "queues.yaml"
    key_file.write_bytes(CUSTOMER_KEY.as_pem(private=False))
    queues_file.write_text(QUEUES)
    chat = {"chat_port": free_port(), "chat_secret": SecretStr(SECRET), "chat_origins": "https://shop.example"}
    known = {"chat_customer_secret": SecretStr(CUSTOMER_SECRET), "chat_customer_public_key_file": key_file}
    more = {"chat_sessions_per_minute": 1_000, "queues_file": queues_file}
    return settings.model_copy(update={**chat, **known, **more})


@pytest.fixture
async def bus(chat_settings: Settings) -> AsyncIterator[Connection]:
    async with kit(chat_settings.nats_url) as connection:
        yield connection


@pytest.fixture
async def http(chat_settings: Settings, bus: Connection) -> AsyncIterator[aiohttp.ClientSession]:
    """The customers' port of a running inbox."""
    served = running_service(lambda stop, ready: serve(chat_settings, stop=stop, ready=ready), chat_settings.http_port)
    async with served, aiohttp.ClientSession(f"http://127.0.0.1:{chat_settings.chat_port}") as session:
        yield session


@pytest.fixture
async def ada(http: aiohttp.ClientSession) -> Customer:
    return await customer(http)


async def claimed_by(bus: Connection, key: str, agent: str) -> None:
    await put(bus, opened("h1"), key)
    await put(bus, HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id=agent, agent_id=agent), key)


async def resolved(bus: Connection, key: str) -> None:
    await claimed_by(bus, key, "ana@corp.example")
    await put(bus, HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana@corp.example"), key)


async def test_what_a_customer_writes_is_in_the_log_once_however_often_it_is_sent(
    bus: Connection, ada: Customer
) -> None:
    sequences = [await ada.write("Hello ö") for _ in range(3)]
    assert len(set(sequences)) == 1
    [message] = await messages_of(bus, ada.key, MessageReceived)
    assert isinstance(message, MessageReceived)
    assert (message.turn_id, message.text, message.entity) == ("1", "Hello ö", None)
    assert message.metadata == {"channel": "web"}


async def test_a_feed_tells_who_writes_and_what_is_said_in_order(bus: Connection, ada: Customer) -> None:
    async with ada.feed() as feed:
        assert (await feed.next())["data"]["speaker"] == "assistant"
        await ada.write("I want a person")
        await feed.until("message", author="customer", text="I want a person", turn_id="1")
        assert await feed.until("typing") == {"author": "ai", "name": None, "is_typing": True}
        await say_to(bus, ada.key, "Of course", "m1", turn_id="1", replayed=True)
        assert (await feed.until("message", author="ai", text="Of course"))["replayed"] is True
        assert (await feed.until("typing"))["is_typing"] is False
        await put(bus, opened("h1"), ada.key)
        await feed.until("status", speaker="waiting", place=1)
        await put(bus, HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="a", agent_id="a"), ada.key)
        await feed.until("status", speaker="person")
        await bus.client.publish(f"hil.live.typing.acme.{ada.key}", b"{}")
        await feed.until("typing", author="human_agent", is_typing=True)
        heard = await bus.client.subscribe(f"hil.live.typing.acme.{ada.key}")
        await bus.client.flush()
        async with ada.http.post("/v1/chat/typing", headers=ada.headers) as answer:
            assert answer.status == 204
        assert (await heard.next_msg(timeout=5)).data == b'{"author":"customer"}'
        await say_to(bus, ada.key, XSS, "m2", author="human_agent", author_id="a", ownership_epoch=1)
        assert (await feed.until("message", author="human_agent"))["text"] == XSS


@ON_BOTH_STORES
async def test_a_feed_that_is_cut_again_and_again_misses_and_repeats_nothing(bus: Connection, ada: Customer) -> None:
    total, last = 60, 0
    told: list[str] = []

    async def speak() -> None:
        for number in range(total):
            await say_to(bus, ada.key, str(number), f"m{number}")

    speaking = asyncio.create_task(speak())
    while len(told) < total:
        async with ada.feed(after=last) as feed:
            for _ in range(7):
                event = await feed.next()
                if event["event"] == "message":
                    told.append(event["data"]["text"])
                    last = int(event["id"])
                if len(told) == total:
                    break
    await speaking
    assert told == [str(number) for number in range(total)]


async def test_notes_suppressed_answers_and_the_names_of_accounts_never_reach_the_customer(
    bus: Connection, ada: Customer
) -> None:
    await ada.write("Hello")
    await claimed_by(bus, ada.key, "ana@corp.example")
    await put(bus, NoteAdded(note_id="n", actor_id="ana@corp.example", text="SECRET note"), ada.key)
    late = {"message_id": "late", "text": "SECRET late answer", "reason": "stale_epoch", "based_on": BASED}
    await put(bus, MessageSuppressed.model_validate(late), ada.key)
    async with ada.feed() as feed:
        await say_to(bus, ada.key, "Ana here", "m1", author="human_agent", author_id="ana@corp.example")
        await feed.until("message", text="Ana here")
        told = str(feed.events)
    read = str([await shown(ada, 2), await ada.get("messages")])
    assert "Ana here" in told
    assert "Ana here" in read
    assert "SECRET" not in told + read
    assert "corp.example" not in told + read


@ON_BOTH_STORES
async def test_a_rating_counts_once_and_only_after_a_person_ended_something(bus: Connection, ada: Customer) -> None:
    await ada.write("Hello")
    assert (await ada.post("rating", {"rating": 5}))[1]["error"] == "not_asked"
    await resolved(bus, ada.key)
    async with ada.feed() as feed:
        await feed.until("status", may_rate=True)
        assert (await ada.post("rating", {"rating": 4, "comment": XSS}))[0] == 202
        status, body = await ada.post("rating", {"rating": 1})
        assert (status, body["error"]) == (409, "already_rated")
        await feed.until("status", may_rate=False)
    [rating] = await messages_of(bus, ada.key, ConversationRated)
    assert rating == ConversationRated(rating=4, comment=XSS, handover_id="h1")


async def test_when_a_person_has_finished_the_customer_is_asked_once(bus: Connection, ada: Customer) -> None:
    await ada.write("Hello")
    await resolved(bus, ada.key)
    again = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana@corp.example")
    await put(bus, again, ada.key, name="stored twice")
    await put(bus, opened("h2"), ada.key, name="h2")
    second = HandoverResolved(handover_id="h2", ownership_epoch=4, actor_id="ana@corp.example")
    await put(bus, second, ada.key, name="h2")

    async def both_are_asked() -> bool:
        return len(await messages_of(bus, ada.key, AnnounceMessage)) >= 2

    await wait_until(both_are_asked)
    asked = await messages_of(bus, ada.key, AnnounceMessage)
    assert {(one.notice, "1 (bad)" in one.text) for one in asked if isinstance(one, AnnounceMessage)} == {
        ("rating", True)
    }
    assert len(asked) == 2


async def test_each_queue_asks_in_its_own_words_or_not_at_all(bus: Connection, http: aiohttp.ClientSession) -> None:
    texts = {"silent": None, "parcels": "Did the parcel come?", "anything": "1 (bad)"}
    keys = {}
    for skill in texts:
        keys[skill] = (await customer(http)).key
        await put(bus, opened(f"of-{skill}", skills=[skill]), keys[skill])
        await _delivered(bus, keys[skill])
        await put(bus, HandoverResolved(handover_id=f"of-{skill}", ownership_epoch=1, actor_id="ana"), keys[skill])
    for skill in ("parcels", "anything"):
        await wait_until(lambda skill=skill: messages_of(bus, keys[skill], AnnounceMessage))
    asked = {skill: await messages_of(bus, key, AnnounceMessage) for skill, key in keys.items()}
    assert [len(asked[skill]) for skill in texts] == [0, 1, 1]
    for skill in ("parcels", "anything"):
        [question] = asked[skill]
        assert isinstance(question, AnnounceMessage)
        assert str(texts[skill]) in question.text


async def _delivered(bus: Connection, key: str) -> None:
    """Until the inbox has said in which queue it waits."""
    await wait_until(lambda: messages_of(bus, key, HandoverDelivered))
