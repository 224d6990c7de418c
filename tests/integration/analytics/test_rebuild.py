"""Figures that are counted anew equal what happened, and answer from one moment to the next."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from analytics.adapters.archived_logs import ArchivedLogs
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.generation_consumers import consumer_of
from analytics.adapters.generation_documents import GenerationDocuments
from analytics.app import serve
from analytics.domain.cells import DAY_MS, MINUTE_MS, SPANS_MS, Family, cells_of
from analytics.domain.generations import FORMAT, Generations, asked_for
from analytics.domain.rollup import Subject, Versioned
from contracts.kpis import KpiRecorded
from contracts.streams import ALERT_PUSHES, ANALYTICS, ARCHIVER, LOG
from document_store import DocumentStore, opened_store
from hil.main import app as hil
from service_kit.archive import Archive
from service_kit.connection import Connection
from service_kit.log import Log
from service_kit.streams import ensure_consumer
from tests.integration.analytics.test_figures import (
    ON_BOTH_STORES,
    counted,
    end,
    settings_for,
    store_url,
    summary,
)
from tests.support.handovers import put
from tests.support.kit import TENANT, kit, say
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

__all__ = ["store_url"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody archives here, and no replica is late."""
    monkeypatch.setattr("analytics.handlers.rebuild.QUIET_SECONDS", 0.1)
    monkeypatch.setattr("analytics.handlers.rebuild.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("analytics.handlers.rebuild.GRACE_MS", 0)


@asynccontextmanager
async def served(server: NatsServer, url: str) -> AsyncIterator[aiohttp.ClientSession]:
    settings = settings_for(server, url)
    async with running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port) as one:
        yield one


async def ask(store: DocumentStore, *, accepts_losses: bool = False) -> int:
    """Ask for a build; its number."""
    documents, number = GenerationDocuments(store), int(time.time())
    return (await documents.change(lambda known: asked_for(known, accepts_losses=accepts_losses, number=number))).newest


async def rebuilt(store: DocumentStore, **asked: bool) -> Generations:
    """Ask for a build, and wait until it serves."""
    number = await ask(store, **asked)
    await wait_until(lambda: serves(store, number), timeout_seconds=20)
    return (await GenerationDocuments(store).load())[0]


async def serves(store: DocumentStore, number: int) -> bool:
    return (await GenerationDocuments(store).load())[0].serving == number


async def total_of(session: aiohttp.ClientSession, **params: str) -> tuple[int, int, int]:
    total = (await summary(session, **params))["total"]
    return total["executions"], total["cost_microdollars"], total["counts"].get("messages_received", 0)


async def add_executions(store: DocumentStore, executions: int, *, minutes_ago: int) -> None:
    """Figures of a generation of nothing in the log, as a wrong count, or one of what was trimmed, leaves them."""
    figures, at_ms = FigureStore(store), now_ms() - minutes_ago * MINUTE_MS
    subjects = Subject(TENANT, "executions", "support", "1"), Subject(TENANT, "by_workflow", "support")
    cells = [cell for subject in subjects for cell in cells_of(subject, at_ms)]
    for cell, known in (await figures.load(cells)).items():
        counts = {**known.rollup.counts, "executions": known.rollup.counts.get("executions", 0) + executions}
        await figures.save([Versioned(replace(known.rollup, cell=cell, counts=counts), known.version)])


@ON_BOTH_STORES
async def test_wrong_figures_are_right_after_a_rebuild_and_the_log_is_counted_on(
    nats_server: NatsServer, store_url: str
) -> None:
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await say(connection, "c0", "1")
        await counted(session, await end(connection, range(50)))
        await add_executions(store, 1_000, minutes_ago=90)
        assert (await total_of(session))[0] == 1_050
        known = await rebuilt(store, accepts_losses=True)
        assert known.rebuilt is not None and known.rebuilt.losses == {"executions.executions": 1_000}
        assert known.rebuilt.log_through >= 51
        await counted(session, await end(connection, range(50, 60)))
        assert await total_of(session) == (60, sum(range(60)), 1)
        async with session.get(f"/v1/executions/{TENANT}/c55") as response:
            assert len((await response.json())["executions"]) == 1


@ON_BOTH_STORES
async def test_what_served_before_is_removed_with_its_consumer(nats_server: NatsServer, store_url: str) -> None:
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        await rebuilt(store)
        await wait_until(lambda: nothing_retired(store), timeout_seconds=10)
        assert await store.get("executions", f"{TENANT}/c1/x1") is None
        serving = (await GenerationDocuments(store).load())[0].serving
        assert await counting(connection) == [consumer_of(serving).name]


async def counting(connection: Connection) -> list[str]:
    """Consumers that count the log."""
    names = [one.name for one in await connection.jetstream.consumers_info(LOG.name)]
    return [name for name in names if name != ALERT_PUSHES.name]


async def nothing_retired(store: DocumentStore) -> bool:
    return not (await GenerationDocuments(store).load())[0].retired


@ON_BOTH_STORES
async def test_logs_that_only_the_archive_has_are_counted_and_what_is_in_both_once(
    nats_server: NatsServer, store_url: str
) -> None:
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        for number in range(30):
            await say(connection, f"c{number}", "1")
        await counted(session, await end(connection, range(30)))
        for number in range(20):
            await archive(connection, f"c{number}", purge=number < 10)
        before = await total_of(session)
        known = await rebuilt(store)
        assert await total_of(session) == before == (30, sum(range(30)), 30)
        assert known.rebuilt is not None
        assert known.rebuilt.archived.messages == 10  # The last message of a log stays in the stream.
        async with session.get(f"/v1/conversations/{TENANT}/c3") as response:
            found = await response.json()
        assert (found["messages"], found["executions"]) == ({"customer": 1}, 1)


async def archive(connection: Connection, key: str, *, purge: bool = True) -> None:
    """Keep a log as the archiver does."""
    entries = await Log(connection).read(TENANT, key)
    await Archive(connection).store(TENANT, key, entries)
    if purge:
        await Archive(connection).purge(TENANT, key, entries[-1].sequence)


async def test_figures_that_would_be_lost_hold_the_build_until_they_are_given_up(
    nats_server: NatsServer, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_STORE_URL", store_url)
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        await add_executions(store, 7, minutes_ago=90)
        held = await told("analytics", "rebuild")
        assert held.exit_code == 1
        assert "executions.executions 7" in str(held.exception) and "--accept-losses" in str(held.exception)
        assert (await total_of(session))[0] == 12
        await counted(session, await end(connection, [5]))
        done = await told("analytics", "rebuild", "--accept-losses", "--json")
        assert json.loads(done.stdout)["losses"] == {"executions.executions": 7}
        assert (await total_of(session))[0] == 6


async def told(*words: str) -> Any:
    """What a command says, beside the service that runs in this loop."""
    return await asyncio.to_thread(CliRunner().invoke, hil, list(words))


@ON_BOTH_STORES
async def test_figures_of_before_there_were_formats_are_counted_anew_at_the_start(
    nats_server: NatsServer, store_url: str
) -> None:
    async with kit(nats_server.url) as connection, opened_store(store_url) as store:
        async with served(nats_server, store_url) as session:
            await end(connection, range(5))
            await counted(session, await put(connection, KpiRecorded(kpi_id="W7", name="retention"), "c1"))
        await forget_what_is_new(store)
        async with served(nats_server, store_url) as session:
            before = await total_of(session)  # Answered by what there is, while all is counted anew.
            await wait_until(lambda: is_of_this_format(store), timeout_seconds=20)
            assert await total_of(session) == before == (5, sum(range(5)), 0)
            assert await store.get("executions", f"{TENANT}/c1/x1"), "replicas of before answer from it for an hour"
            async with session.get("/v1/kpis", params={"tenant": TENANT, "workflow": "support"}) as response:
                assert (await response.json())["period"]["figures"]["events"]["retention"]["count"] == 1


async def forget_what_is_new(store: DocumentStore) -> None:
    """Leave what a version without formats would have left."""
    kept = await store.get("generations", f"figures_{FORMAT}")
    assert kept is not None
    await store.delete("generations", kept.id, expected_version=kept.version)
    await store.put("generations", "figures", {"serving": 1, "newest": 1}, expected_version=0)
    figures = FigureStore(store)
    families: tuple[Family, ...] = ("by_workflow", "by_model", "worth")
    await figures.prepare()
    for span in SPANS_MS:
        for known in await figures.rollups(
            families, (), from_ms=0, to_ms=30_000 * DAY_MS, at_most=1_000, spans=(span,)
        ):
            document = await store.get("figures", known.cell.id)
            assert document is not None
            await store.delete("figures", known.cell.id, expected_version=document.version)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def is_of_this_format(store: DocumentStore) -> bool:
    return (await GenerationDocuments(store).load())[0].format == FORMAT


async def test_a_build_is_given_up_on_request_and_leaves_nothing(
    nats_server: NatsServer, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_STORE_URL", store_url)
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        await add_executions(store, 7, minutes_ago=90)
        assert (await told("analytics", "rebuild")).exit_code == 1
        assert (await told("analytics", "rebuild", "--cancel", "--json")).stdout == '{"serving": 1}\n'
        await wait_until(lambda: nothing_retired(store), timeout_seconds=10)
        assert await counting(connection) == [ANALYTICS.name]
        assert (await total_of(session))[0] == 12


async def test_archiving_is_held_while_the_log_is_read_and_goes_on_after(
    nats_server: NatsServer, store_url: str
) -> None:
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await ensure_consumer(connection.jetstream, ARCHIVER, stream=LOG)
        logs = ArchivedLogs(connection)
        assert await logs.hold_archiving(until_ms=time.time_ns() // 1_000_000 + 60_000)
        await ensure_consumer(connection.jetstream, ARCHIVER, stream=LOG)  # The orchestrator starts again.
        assert (await connection.jetstream.consumer_info(LOG.name, ARCHIVER.name)).paused
        await counted(session, await end(connection, range(5)))
        await rebuilt(store)
        await wait_until(lambda: archives(connection), timeout_seconds=5)


async def archives(connection: Connection) -> bool:
    return not (await connection.jetstream.consumer_info(LOG.name, ARCHIVER.name)).paused


async def test_a_build_under_which_a_log_was_archived_is_begun_anew(
    nats_server: NatsServer, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([1, 2])  # Another one at the end than at the beginning; the same from then on.

    async def state(_: ArchivedLogs) -> int:
        return next(states, 2)

    monkeypatch.setattr(ArchivedLogs, "state", state)
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        first = await ask(store)
        await wait_until(lambda: serves(store, first + 1), timeout_seconds=20)
        assert (await total_of(session))[0] == 5


async def test_a_timer_that_was_taken_from_the_end_of_the_log_is_not_waited_for(
    nats_server: NatsServer, store_url: str
) -> None:
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        timer = await connection.publish_surely(f"hil.timer.wake.{TENANT}.c1", b"{}", headers={})
        await counted(session, timer)
        await connection.jetstream.delete_msg(LOG.name, timer)
        await rebuilt(store)
        assert (await total_of(session))[0] == 5


async def test_a_bug_of_ours_ends_the_build_and_not_the_answers(
    nats_server: NatsServer, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def names(_: ArchivedLogs) -> list[str]:
        raise KeyError("a bug")

    monkeypatch.setattr(ArchivedLogs, "names", names)
    async with (
        kit(nats_server.url) as connection,
        served(nats_server, store_url) as session,
        opened_store(store_url) as store,
    ):
        await counted(session, await end(connection, range(5)))
        number = await ask(store)
        await wait_until(lambda: given_up(store, number), timeout_seconds=10)
        assert (await total_of(session))[0] == 5


async def given_up(store: DocumentStore, number: int) -> bool:
    known = (await GenerationDocuments(store).load())[0]
    return known.building is None and known.serving == 1 and known.newest == number


async def test_the_archive_lists_its_logs_in_order_and_knows_each_write(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        logs = ArchivedLogs(connection)
        assert await logs.names() == []
        assert not await logs.hold_archiving(until_ms=0)  # Nobody archives.
        for key in ("b", "a", "c_1"):
            await say(connection, key, "1")
            before = await logs.state()
            await archive(connection, key)
            assert await logs.state() > before
        assert await logs.names() == [f"{TENANT}.a", f"{TENANT}.b", f"{TENANT}.c_1"]
        assert await logs.only_archived(f"{TENANT}.a") == []  # The one message of it is in the log.
