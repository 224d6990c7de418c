"""What is a subscriber of the feed told, from which cursor, and when does its stream end?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from contracts.envelope import LogEntry
from hil.desktop.feed_client import events_of
from hil.embedded.ports import free_port
from hil_inbox.api.open_feed import open_feed
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.handovers import opened, put
from tests.support.inbox_token import give_token
from tests.support.kit import kit, say
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


@asynccontextmanager
async def feed(session: aiohttp.ClientSession, **params: Any) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    headers = params.pop("headers", {})
    async with session.get("/v1/feed", params=params, headers=headers) as response:
        assert response.status == 200, await response.text()
        yield events_of(response)


async def next_of(events: AsyncIterator[tuple[str, Any]], *names: str) -> Any:
    """The body of the next event with one of these names."""
    async with asyncio.timeout(10):
        async for name, body in events:
            if name in names:
                return body
    raise AssertionError(f"the stream ended without {names}")


@pytest.fixture
def settings(nats_server: NatsServer, store_url: str) -> Settings:
    return Settings(
        nats_url=nats_server.url,
        store_url=store_url,
        http_port=free_port(),
        log_level="error",
        feed_events_max=100,
        feed_heartbeat_seconds=0.2,
        feed_subscribers_per_actor_max=3,
        feed_subscribers_max=4,
    )


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[tuple[aiohttp.ClientSession, Connection]]:
    token = await give_token(settings.store_url)
    async with kit(settings.nats_url) as connection:
        running = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
        async with running as session:
            session.headers.update(_desk("ada", token))
            yield session, connection


async def test_a_change_is_told_with_everything_that_it_changed(
    served: tuple[aiohttp.ClientSession, Connection],
) -> None:
    session, connection = served
    async with feed(session, after=0) as events:
        first = await say(connection, "c1", "t1", "help me")
        second = await put(connection, opened("h1"), "c1")
        line, row = await next_of(events, "change"), await next_of(events, "change")
    assert (line["seq"], line["lines"][0]["text"], line["conversation"]["last_text"]) == (first, "help me", "help me")
    assert (row["seq"], row["type"]) == (second, "hil.cmd.handover.open.v1")
    assert [(one["id"], one["state"], one["as_of_seq"]) for one in row["rows"]] == [("h1", "waiting", second)]
    async with feed(session, headers={"Last-Event-ID": str(first)}, after=0) as events:
        assert (await next_of(events, "change"))["seq"] == second


async def test_another_tenants_changes_are_not_told_but_its_cursor_moves(
    served: tuple[aiohttp.ClientSession, Connection],
) -> None:
    session, connection = served
    async with feed(session, after=0) as events:
        other = await say(connection, "c1", "t1", tenant="other")
        while (beat := await next_of(events, "heartbeat", "change"))["seq"] < other:
            assert "rows" not in beat
        own = await say(connection, "c1", "t1")
        assert (await next_of(events, "change"))["seq"] == own


async def test_a_cursor_that_cannot_be_served_gets_a_reset(
    served: tuple[aiohttp.ClientSession, Connection],
) -> None:
    session, connection = served
    last = 0
    for number in range(130):
        last = await say(connection, f"c{number}", "t1")
    async with feed(session) as events:
        assert (await next_of(events, "heartbeat"))["seq"] == last
    async with feed(session, after=1) as events:
        assert await next_of(events, "reset") == {"reason": "too_old", "seq": last}
    async with feed(session, after=last + 1_000) as events:
        assert (await next_of(events, "reset"))["reason"] == "ahead"


async def test_streams_are_counted_and_one_that_ends_makes_room_at_once(
    served: tuple[aiohttp.ClientSession, Connection],
) -> None:
    session, _ = served
    async with feed(session), feed(session):
        async with feed(session), session.get("/v1/feed") as response:
            assert (response.status, (await response.json())["error"]) == (429, "too_many_streams")

        async def again() -> bool:
            async with session.get("/v1/feed") as response:
                return response.status == 200

        await wait_until(again)


async def test_who_types_is_told_to_those_who_look_and_to_those_who_come_late(
    served: tuple[aiohttp.ClientSession, Connection],
) -> None:
    session, _ = served
    async with feed(session) as events:
        await next_of(events, "heartbeat")
        async with session.post("/v1/conversations/acme/c1/typing") as response:
            assert response.status == 204
        told = await next_of(events, "typing")
        assert (told["key"], told["actor_id"], told["until_ms"] - told["at_ms"]) == ("c1", "ada", 10_000)
    async with feed(session) as events:
        assert (await next_of(events, "typing"))["key"] == "c1"
    async with session.post("/v1/conversations/other/c1/viewing") as response:
        assert response.status == 404


async def test_the_service_ends_at_once_although_streams_are_open(settings: Settings) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(serve(settings, stop=stop, ready=ready))
    headers = _desk("ada", await give_token(settings.store_url))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.http_port}", headers=headers) as session:
        await wait_until(ready.is_set)

        async def listens() -> bool:
            try:
                async with session.get("/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await wait_until(listens)
        async with feed(session) as events:
            await next_of(events, "heartbeat")
            stop.set()
            async with asyncio.timeout(4):  # uvicorn's own patience is 5 s, and then it cancels.
                assert [name async for name, _ in events if name == "reset"] == []
                await running


class CountedLog:
    """How often each key was read."""

    def __init__(self, log: Log) -> None:
        self._log, self.reads = log, Counter[str]()

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        self.reads[key] += 1
        return await self._log.read(tenant, key, after=after, until=until)


async def test_each_log_is_read_once_and_not_once_for_each_batch_or_message(settings: Settings) -> None:
    async with kit(settings.nats_url) as connection:
        for number in range(150):
            await asyncio.gather(*(say(connection, f"c{key}", f"t{number}") for key in range(4)))
        log = CountedLog(Log(connection))
        held = settings.model_copy(update={"feed_events_max": 1_000})
        fan_out, stop = open_feed(held, connection, log).fan_out, asyncio.Event()
        running = asyncio.create_task(fan_out.run(stop))
        assert await fan_out.reach(None, timeout_seconds=20) == ("held", 600)
        assert [len(fan_out.ring), log.reads] == [600, {f"c{key}": 1 for key in range(4)}]
        await say(connection, "c1", "more")  # The pass brings it, and nothing is read again.
        assert await fan_out.reach(None, timeout_seconds=20) == ("held", 601)
        assert log.reads["c1"] == 1
        stop.set()
        await running


def _desk(actor_id: str, token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Hil-Actor": actor_id}
