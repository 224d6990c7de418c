"""Does every subscriber of the feed end with what the inbox knows, whatever breaks in between?"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS, LOG
from hil.desktop.feed_client import FeedClient, events_of
from hil.desktop.scenario import scenario
from hil.desktop.state import DesktopState, differences
from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.bus import publish
from service_kit.connection import Connection
from tests.support.child_service import ChildService
from tests.support.handovers import opened, put
from tests.support.inbox_token import give_token
from tests.support.kit import kit, say
from tests.support.running_service import is_ready, running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

SEED = 20_261_127
SUBSCRIBERS = 20
EVENTS = 500


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


async def test_every_subscriber_ends_with_the_snapshot_through_disconnects_and_killed_servers(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    port = free_port()
    service = ChildService("hil_inbox", _environment(nats_server.url, port, tmp_path), tmp_path / "inbox.log")
    token = await give_token(_store(tmp_path))
    async with kit(nats_server.url) as connection:
        service.start()
        try:
            end = asyncio.get_running_loop().create_future()
            clients = [
                FeedClient(f"http://127.0.0.1:{port}", _desk(f"desk-{number}", token), 0)
                for number in range(SUBSCRIBERS)
            ]
            following = [
                asyncio.create_task(_follow(client, random.Random(SEED + number), end))
                for number, client in enumerate(clients)
            ]
            await _publish(connection, service, rng, port=port)
            last = await _last_message(connection)
            end.set_result(last)
            async with asyncio.timeout(60):
                await asyncio.gather(*following)
            expected = [seq for seq in await _inbox_messages(connection) if seq <= last]
            shown = await _snapshot(port, last, token)
        finally:
            service.kill()
    assert [client.resets for client in clients if client.resets] == []
    assert [number for number, client in enumerate(clients) if client.ids != expected] == []
    for client in clients:
        assert differences(shown.rows, client.state.rows) == []
        assert differences(shown.lines, client.state.lines) == []


def _environment(url: str, port: int, directory: Path) -> dict[str, str]:
    return {
        "HIL_INBOX_NATS_URL": url,
        "HIL_INBOX_HTTP_PORT": str(port),
        "HIL_INBOX_STORE_URL": _store(directory),
        "HIL_INBOX_LOG_LEVEL": "warning",
        "HIL_INBOX_FEED_HEARTBEAT_SECONDS": "0.5",
    }


def _store(directory: Path) -> str:
    return f"sqlite:///{directory}/inbox.sqlite3"


def _desk(actor_id: str, token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Hil-Actor": actor_id}


async def _follow(client: FeedClient, rng: random.Random, end: "asyncio.Future[int]") -> None:
    """Leaves after an event of a hundred, and comes back where it was, until it knows everything."""
    await client.follow(lambda: end.done() and client.cursor >= end.result(), lambda: rng.random() < 0.01)


async def _publish(connection: Connection, service: ChildService, rng: random.Random, *, port: int) -> None:
    """The scenario; twice in it the service, ready and with subscribers, is killed and started again."""
    kills = {rng.randrange(EVENTS // 5, EVENTS // 2), rng.randrange(EVENTS // 2, EVENTS - EVENTS // 5)}
    story = scenario(SEED, tenant="acme", events=EVENTS, conversations=40)
    for number, (message, identity) in enumerate(story):
        await publish(connection, message, identity)
        if number in kills:
            await _until_ready(port)
            service.kill()
            service.start()
    await _until_ready(port)


async def _until_ready(port: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        await wait_until(lambda: is_ready(session), timeout_seconds=30)


async def _last_message(connection: Connection) -> int:
    """The newest message of the inbox's types once the inbox owes no answer any more."""

    async def is_done() -> bool:
        info = await connection.jetstream.consumer_info(LOG.name, HIL_INBOX_CLOCKS.name)
        return not info.num_pending and not info.num_ack_pending

    await wait_until(is_done, timeout_seconds=30)
    return (await _inbox_messages(connection))[-1]


async def _inbox_messages(connection: Connection) -> list[int]:
    """Sequences of all messages of the inbox's types, as the log itself tells them."""
    subscription = await connection.jetstream.subscribe("hil.*.*.*.*.acme.*", stream=LOG.name, ordered_consumer=True)
    types = {kind.route.type for kind in HIL_INBOX_EVENTS.types}
    found: list[int] = []
    pending = 1
    while pending:
        msg = await subscription.next_msg(timeout=5)
        pending = msg.metadata.num_pending
        if msg.subject.rsplit(".", 2)[0] in types:
            found.append(msg.metadata.sequence.stream)
    await subscription.unsubscribe()
    return found


async def _snapshot(port: int, last: int, token: str) -> DesktopState:
    """Rows and lines over REST, once they show everything through `last`."""
    state = DesktopState()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=_desk("ada", token)) as session:

        async def is_complete() -> bool:
            async with session.get("/v1/queue") as response:
                return int((await response.json())["as_of_seq"]) >= last

        await wait_until(is_complete, timeout_seconds=20)
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            async with session.get("/v1/queue", params=params) as response:
                page = await response.json()
            state.rows |= {row["id"]: row for row in page["rows"]}
            cursor = page["next_cursor"]
        for key in {row["key"] for row in state.rows.values()}:
            async with session.get(f"/v1/conversations/acme/{key}", params={"limit": "200"}) as response:
                body = await response.json()
            state.lines |= {f"{key}/{line['id']}": line for line in body["transcript"]}
    return state
