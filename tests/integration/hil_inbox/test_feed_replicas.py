"""What do subscribers hear of another replica, and of a log that is not the one they followed?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from contracts.streams import LOG
from hil.desktop.feed_client import events_of
from hil.desktop.scenario import AGENTS, scenario
from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.streams import ensure_streams
from tests.support.inbox_token import give_token
from tests.support.kit import kit, say
from tests.support.running_service import running_service
from tests.support.wait_until import wait_until

Row = dict[str, Any]
Events = AsyncIterator[tuple[str, Any]]


@pytest.fixture
async def replicas(settings: Settings) -> AsyncIterator[tuple[list[aiohttp.ClientSession], Connection]]:
    """Two inboxes on one store, as the desk of ada, who is an agent."""
    desk = {"Authorization": f"Bearer {await give_token(settings.store_url)}", "Hil-Actor": "ada"}
    async with kit(settings.nats_url) as connection, AsyncExitStack() as stack:
        sessions = []
        for number in range(2):
            own = settings.model_copy(update={"http_port": free_port(), "feed_heartbeat_seconds": 0.2})
            running = running_service(lambda stop, ready, own=own: serve(own, stop=stop, ready=ready), own.http_port)
            sessions.append(await stack.enter_async_context(running))
            sessions[number].headers.update(desk)
        yield sessions, connection


@asynccontextmanager
async def feed(session: aiohttp.ClientSession, **headers: str) -> AsyncIterator[Events]:
    async with session.get("/v1/feed", headers=headers) as response:
        assert response.status == 200, await response.text()
        yield events_of(response)


async def next_of(events: Events, *names: str) -> tuple[str, Any]:
    async with asyncio.timeout(15):
        async for name, body in events:
            if name in names:
                return name, body
    raise AssertionError(f"the stream ended without {names}")


async def test_who_types_looks_or_comes_is_told_to_those_who_follow_another_replica(
    replicas: tuple[list[aiohttp.ClientSession], Connection],
) -> None:
    (one, other), _ = replicas
    async with feed(other) as events:
        await next_of(events, "heartbeat")
        for name in ("typing", "viewing"):
            async with one.post(f"/v1/conversations/acme/c1/{name}") as response:
                assert response.status == 204
            _, told = await next_of(events, name)
            assert (told["actor_id"], told["key"]) == ("ada", "c1")
        async with one.post("/v1/me/heartbeat", json={}) as response:
            assert response.status == 200
        _, told = await next_of(events, "presence")
        assert (told["actor_id"], told["status"]) == ("ada", "online")
    async with feed(one) as events:  # Who comes late, to any replica, hears what still holds.
        assert {(await next_of(events, "typing", "viewing", "presence"))[0] for _ in range(3)} == {
            "typing", "viewing", "presence",
        }  # fmt: skip


async def test_filters_and_counts_of_the_queue_agree_with_its_rows_on_every_replica(
    replicas: tuple[list[aiohttp.ClientSession], Connection],
) -> None:
    sessions, connection = replicas
    last = 0
    for message, identity in scenario(7, tenant="acme", events=120, conversations=20):
        last = await publish(connection, message, identity)
    for session in sessions:
        await wait_until(lambda session=session: _shows(session, last), timeout_seconds=20)
        rows = await _rows(session)
        for asked in ({"state": state} for state in ("waiting", "assigned", "snoozed", "done")):
            await _agrees(session, rows, asked)
        for asked in ({"kind": "handover"}, {"kind": "approval", "state": "waiting"}, {"queue": rows[0]["queue"]}):
            await _agrees(session, rows, asked)
        for owner in AGENTS:
            await _agrees(session, rows, {"owner": owner}, owner_id=owner)
        await _agrees(session, rows, {"owner": "me"}, owner_id="ada")
        await _agrees(session, rows, {"owner": "none", "state": "waiting"}, owner_id=None, state="waiting")

        async def counts_agree(session: aiohttp.ClientSession = session, rows: list[Row] = rows) -> bool:
            async with session.get("/v1/queue/counts") as response:
                counts = await response.json()
            del counts["as_of_seq"]
            return bool(counts == _counts(rows, "ada"))

        await wait_until(counts_agree)  # They may be a second old.
    states = {row["state"] for row in rows}
    assert {"waiting", "assigned", "done"} <= states, f"the scenario tells too little: {states}"


async def test_who_followed_a_stream_that_was_replaced_is_told_to_begin_anew_not_left_in_silence(
    replicas: tuple[list[aiohttp.ClientSession], Connection],
) -> None:
    (one, other), connection = replicas
    for number in range(8):
        last = await say(connection, f"c{number}", "1")
    async with feed(one, **{"Last-Event-ID": str(last)}) as behind, feed(other, **{"Last-Event-ID": "0"}) as events:
        await next_of(behind, "heartbeat")
        for _ in range(8):
            await next_of(events, "change")
        await connection.jetstream.delete_stream(LOG.name)
        await ensure_streams(connection.jetstream, replicas=1)
        for number in range(12):  # It is longer at once than the one that was followed.
            longer = await say(connection, f"d{number}", "1")
        assert longer > last
        for stream in (behind, events):
            _, body = await next_of(stream, "reset", "change")
            assert body["reason"] == "begun_anew"
    async with feed(one, **{"Last-Event-ID": str(longer + 1)}) as ahead:
        assert (await next_of(ahead, "reset", "change"))[1]["reason"] == "ahead"


async def _shows(session: aiohttp.ClientSession, last: int) -> bool:
    async with session.get("/v1/queue", params={"limit": "1"}) as response:
        return int((await response.json())["as_of_seq"]) >= last


async def _rows(session: aiohttp.ClientSession, **asked: str) -> list[Row]:
    """All pages of 10."""
    rows: list[Row] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "10", **asked} | ({"cursor": cursor} if cursor else {})
        async with session.get("/v1/queue", params=params) as response:
            assert response.status == 200, await response.text()
            page = await response.json()
        rows += page["rows"]
        cursor = page["next_cursor"]
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)), "a row is there twice"
    return rows


async def _agrees(session: aiohttp.ClientSession, rows: list[Row], asked: dict[str, str], **fields: object) -> None:
    """In the order of the whole list."""
    wanted = fields or asked
    expected = [row["id"] for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert [row["id"] for row in await _rows(session, **asked)] == expected, asked


def _counts(rows: list[Row], actor_id: str) -> dict[str, int]:
    def count(**fields: object) -> int:
        return sum(all(row[name] == value for name, value in fields.items()) for row in rows)

    return {
        "mine": count(owner_id=actor_id, state="assigned"),
        "unclaimed": count(kind="handover", state="waiting"),
        "approvals": count(kind="approval", state="waiting"),
        "teams": 0,
        "snoozed": count(owner_id=actor_id, state="snoozed"),
    }
