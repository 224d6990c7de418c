"""Promises are judged by the minute, announced once through failures, pushed to a webhook, and can be silenced."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from nats.js.kv import KeyValue
from pydantic import SecretStr

from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.counted_through import counted_through_ms
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.published_facts import PublishedFacts
from analytics.app import serve
from analytics.domain.alert_rules import alert_rules
from analytics.domain.cells import MINUTE_MS, Cell, cells_of
from analytics.domain.judge_alerts import AlertState, Phase
from analytics.domain.judge_minute import Stretch
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, Versioned, count_in
from analytics.domain.silences import Silence
from analytics.domain.watched_alert import KeptAlert, WatchedAlert, watched
from analytics.handlers.count_messages import Arrived, CountMessages
from analytics.handlers.judge_minutes import JudgeMinutes
from analytics.handlers.read_promise import read_rollups
from analytics.settings import Settings
from contracts.alerts import AlertChanged
from contracts.conversations import ConversationRated
from contracts.envelope import Identity, LogEntry
from contracts.objectives import Bound, ConditionAlert, Metric, Slos
from contracts.streams import ALERT_PUSHES, ANALYTICS, LOG, WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from document_store import DocumentStore, open_store
from hil.embedded.ports import free_port
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.streams import ensure_consumer
from tests.support.handovers import ended, put
from tests.support.kit import TENANT, kit
from tests.support.running_service import running_service
from tests.support.slo_playing import BAD_COUNTS, GOOD_COUNTS, SUPPORT
from tests.support.slo_scenarios import BURST, Minute, promise
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

PROMISE = promise(0.99)


class Bus:
    """What was announced; it can be away."""

    def __init__(self) -> None:
        self.said: list[tuple[WatchedAlert, AlertChanged]] = []
        self.away_after: int | None = None

    async def announce(self, tenant: str, alert: WatchedAlert, change: AlertChanged) -> None:
        if self.away_after is not None and len(self.said) >= self.away_after:
            raise RetryLater("the bus is away")
        self.said.append((alert, change))

    def phases(self, severity: str = "critical") -> list[tuple[str, int, bool]]:
        named = [change for _, change in self.said if change.severity == severity]
        return [(change.after, change.at_ms // MINUTE_MS, change.routed) for change in named]


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store: SQLite, or MongoDB where a test asks for it."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/analytics.sqlite3"
    return f"{request.getfixturevalue('mongo_server')}/alerts_{re.sub(r'[^A-Za-z0-9]', '', tmp_path.name)[-40:]}"


ON_BOTH_STORES = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)


async def fill(figures: FigureStore, minutes: Sequence[Minute], *, first: int = 0) -> None:
    """Count executions of the workflow `support`, so many good and bad ones in each minute."""
    parts: dict[Cell, list[Contribution]] = {}
    sequence = 0
    for minute, (good, bad) in enumerate(minutes, start=first):
        for counts in [GOOD_COUNTS] * good + [BAD_COUNTS] * bad:
            sequence += 1
            for cell in cells_of(SUPPORT, minute * MINUTE_MS):
                parts.setdefault(cell, []).append(Contribution(sequence, SUPPORT, counts))
    rollups = [Versioned(count_in(Rollup(cell), Together(of), Settled("log", 0))[0], 0) for cell, of in parts.items()]
    for start in range(0, len(rollups), 500):
        assert None not in await figures.save(rollups[start : start + 500])


def facts(slos: Slos) -> PublishedFacts:
    """What is in force: the workflow `support` of every tenant, with these promises."""
    published = PublishedFacts()
    value = WorkflowFacts(workflow="support", version="1", content_hash="h", slos=slos).model_dump_json().encode()
    published.apply(KeyValue.Entry(WORKFLOW_FACTS_BUCKET, "_all.support", value, 1, 0, None, None))
    return published


def judge_over(store: DocumentStore, bus: Bus, slos: Slos = PROMISE, *, unrouted_ms: int = 0) -> JudgeMinutes:
    async def never() -> int:
        raise AssertionError("not asked")

    return JudgeMinutes(FigureStore(store), AlertDocuments(store), facts(slos), never, bus.announce, unrouted_ms)


async def prepared(store: DocumentStore) -> None:
    await FigureStore(store).prepare()
    await AlertDocuments(store).prepare()


async def judge_each(judge: JudgeMinutes, minutes: Iterable[int]) -> None:
    for minute in minutes:
        await judge.judge(through_ms=minute * MINUTE_MS + 30_000)


async def known_workflow(figures: FigureStore) -> None:
    await figures.add_workflows([Cell(SUPPORT, "minute", 0)])


@ON_BOTH_STORES
async def test_alerts_fire_and_end_at_the_minutes_of_the_truth_table(store_url: str) -> None:
    """The burst of tests/support/slo_scenarios: bad from minute 360 to 390, fires at 371, is over at 449."""
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), BURST[:460])
    await judge_each(judge_over(store, bus), [*range(360, 376), *range(440, 452)])
    assert bus.phases() == [("ok", 360, False), ("pending", 369, False), ("firing", 371, True), ("resolved", 449, True)]
    alerts = {kept.alert.severity: kept.alert for kept in await AlertDocuments(store).of()}
    critical = alerts["critical"]
    assert (critical.state.phase, critical.firing_since_ms) == (Phase.RESOLVED, 371 * MINUTE_MS)
    await store.close()


@ON_BOTH_STORES
async def test_two_replicas_that_judge_at_once_say_the_same_under_the_same_ids(store_url: str) -> None:
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), BURST[:460])
    judges = [judge_over(store, bus), judge_over(store, bus)]
    for minute in [*range(360, 376), *range(440, 452)]:
        await asyncio.gather(*(judge.judge(through_ms=minute * MINUTE_MS + 30_000) for judge in judges))
    critical = [(alert.id, change.at_ms, change) for alert, change in bus.said if change.severity == "critical"]
    said = {(id_, at_ms): change for id_, at_ms, change in critical}  # The server knows the id of alert and minute.
    assert all(said[id_, at_ms] == change for id_, at_ms, change in critical)
    assert [change.after for _, change in sorted(said.items())] == ["ok", "pending", "firing", "resolved"]
    await store.close()


async def test_nothing_is_lost_or_said_anew_where_the_bus_is_away_or_the_service_is_killed(store_url: str) -> None:
    """Each try is a new process; what it says again is the same, and so has the same id."""
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), BURST[:460])
    await judge_each(judge_over(store, bus), range(365, 369))
    bus.said.clear()
    for away_after in (0, 1):
        bus.away_after = away_after
        with pytest.raises(RetryLater):
            await judge_over(store, bus).judge(through_ms=372 * MINUTE_MS)
    first, bus.away_after = list(bus.said), None
    bus.said.clear()
    await judge_over(store, bus).judge(through_ms=372 * MINUTE_MS)
    assert bus.phases() == [("pending", 369, False), ("firing", 371, True)]
    assert bus.said[:1] == first
    await judge_over(store, bus).judge(through_ms=372 * MINUTE_MS)
    assert len(bus.said) == 2
    await store.close()


async def test_a_new_alert_is_unrouted_and_a_silenced_one_too_until_it_is_over(store_url: str) -> None:
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), BURST[:460])
    silence = Silence(0, 375 * MINUTE_MS, "support", severity="critical")
    await AlertDocuments(store).add_silence("acme/one", "acme", silence, by="ana", reason="known")
    await judge_each(judge_over(store, bus, unrouted_ms=13 * MINUTE_MS), range(360, 380))
    assert bus.phases()[-2:] == [("firing", 371, False), ("firing", 375, True)]
    assert bus.phases("warning")[-2:] == [("firing", 366, False), ("firing", 373, True)]
    await store.close()


async def test_a_promise_that_is_made_no_longer_ends_its_alert(store_url: str) -> None:
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), BURST[:460])
    await judge_each(judge_over(store, bus), range(360, 376))
    await judge_each(judge_over(store, bus, Slos()), [376, 377])
    assert bus.phases()[-1] == ("no_data", 376, True)
    assert len(bus.phases()) == 4
    await store.close()


async def count_rated(figures: FigureStore, rated: Iterable[tuple[str, int, str]], *, at_ms: int) -> None:
    """Conversations of a workflow, each with its rating."""

    async def settled() -> Settled:
        return Settled("log", 0)

    said = [(key, one) for key, n, name in rated for one in (ended(workflow=name), ConversationRated(rating=n))]
    entries = (LogEntry(sequence, at_ms, f"id{sequence}", one, 10) for sequence, (_, one) in enumerate(said, start=1))
    arrived = [Arrived("acme", key, entry) for (key, _), entry in zip(said, entries, strict=True)]
    await CountMessages(figures, settled, on_counted=lambda _: None).count(arrived)


async def test_a_promise_about_ratings_is_judged_by_those_of_its_workflow(store_url: str) -> None:
    store, bus = await open_store(store_url), Bus()
    await prepared(store)
    await known_workflow(FigureStore(store))
    bound = Bound(metric=Metric.CSAT, comparison="<", threshold=4)
    slos = Slos(alerts=(ConditionAlert(bound=bound, severity="critical"),), minimum_events=3, window_seconds=3_600)
    rated = [("c1", 3, "support"), ("c2", 2, "support"), ("c3", 5, "support"), ("c4", 5, "other")]
    await count_rated(FigureStore(store), rated, at_ms=350 * MINUTE_MS)
    await judge_each(judge_over(store, bus, slos), [*range(360, 363), 412])
    assert bus.phases() == [("pending", 360, False), ("firing", 362, True)]
    await store.close()


async def test_figures_that_are_too_many_are_none_and_not_some(store_url: str) -> None:
    store = await open_store(store_url)
    await prepared(store)
    await fill(FigureStore(store), [(1, 0)] * 5)
    window = Stretch(0, 5 * MINUTE_MS, ("minute",))
    found = [await read_rollups(FigureStore(store), "acme", "support", (window,), at_most=most) for most in (4, 5)]
    assert found[0] is None and found[1] is not None and len(found[1]) == 5
    await store.close()


async def test_what_is_counted_goes_up_to_the_oldest_message_that_is_not(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        await ensure_consumer(connection.jetstream, ANALYTICS, stream=LOG)
        idle_ms = await counted_through_ms(connection, ANALYTICS, stream=LOG)
        assert 0 <= time.time_ns() // 1_000_000 - idle_ms < 10_000
        sequence = await put(connection, ended("x1"), "c1")
        stored = await connection.jetstream.get_msg(LOG.name, seq=sequence)
        assert stored.time is not None
        assert await counted_through_ms(connection, ANALYTICS, stream=LOG) == int(stored.time.timestamp() * 1_000)


class Receiver:
    """A receiver of webhooks that is ill at first."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.refusals = 1

    async def take(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        self.got.append((request.headers.get("authorization", ""), await request.json()))
        return web.Response()


async def test_the_service_judges_announces_pushes_and_shows(
    nats_server: NatsServer, store_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    now_ms = time.time_ns() // 1_000_000
    last = now_ms // MINUTE_MS
    store = await open_store(store_url)
    await prepared(store)
    await known_workflow(FigureStore(store))
    await fill(FigureStore(store), [(10, 0)] * 30 + [(0, 10)] * 30, first=last - 60)
    ten_ago = AlertState(phase=Phase.OK, judged_ms=(last - 10) * MINUTE_MS)
    alerts = [watched(TENANT, rule) for rule in alert_rules("support", PROMISE)]
    judged = [replace(alert, state=ten_ago, first_judged_ms=MINUTE_MS) for alert in alerts]
    await AlertDocuments(store).save([KeptAlert(alert, 0) for alert in judged])
    await store.close()
    receiver, port = Receiver(), free_port()
    runner = await hooked(receiver, port)
    settings = Settings(
        nats_url=nats_server.url,
        store_url=store_url,
        http_port=free_port(),
        access="open",
        log_level="info",
        alert_webhook_url=SecretStr(f"http://127.0.0.1:{port}/hook/s3cret"),
        alert_webhook_token=SecretStr("t0ken"),
    )
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection:
        await tell(connection, PROMISE)
        async with served as session:
            await wait_until(lambda: len(receiver.got) == 2, timeout_seconds=20)
            await check_api(session)
    await runner.cleanup()
    assert {header for header, _ in receiver.got} == {"Bearer t0ken"}
    sent = [body["alerts"][0] for _, body in receiver.got]
    assert {one["status"] for one in sent} == {"firing"}
    assert {one["labels"]["severity"] for one in sent} == {"critical", "warning"}
    said = "".join(capfd.readouterr())
    assert "s3cret" not in said and "t0ken" not in said


async def hooked(receiver: Receiver, port: int) -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/hook/s3cret", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def tell(connection: Connection, slos: Slos) -> None:
    bucket = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)
    value = WorkflowFacts(workflow="support", version="1", content_hash="h", slos=slos).model_dump_json().encode()
    await bucket.put(facts_key("_all", "support"), value)


async def answer(session: ClientSession, path: str, *, status: int = 200) -> dict[str, Any]:
    async with session.get(path) as response:
        body: dict[str, Any] = await response.json()
        assert response.status == status, body
        return body


async def check_api(session: ClientSession) -> None:
    alerts = (await answer(session, f"/v1/alerts?tenant={TENANT}&phase=firing"))["alerts"]
    assert [(one["severity"], one["phase"], one["routed"]) for one in alerts] == [
        ("critical", "firing", True),
        ("warning", "firing", True),
    ]
    assert (await answer(session, "/v1/alerts?tenant=globex"))["alerts"] == []
    [slo] = (await answer(session, "/v1/slos?workflow=support"))["slos"]
    assert (slo["tenant"], slo["slo"], slo["objective"], slo["events"]) == (
        TENANT, "success_rate", "success_rate >= 0.99", 600,
    )  # fmt: skip
    assert slo["holds"] is False
    assert slo["budget_left"] == pytest.approx(1 - 300 / 6)
    points = (await answer(session, f"/v1/slos/{TENANT}/support/success_rate/burn-down"))["points"]
    assert (points[0]["left"], points[-1]["left"]) == (1, pytest.approx(slo["budget_left"]))
    await answer(session, f"/v1/slos/{TENANT}/support/nothing/burn-down", status=404)
    await check_silences(session)


async def check_silences(session: ClientSession) -> None:
    asked = {"workflow": "support", "ends": "2020-01-01T00:00:00Z", "by": "ana", "reason": "planned work"}
    path = f"/v1/silences/{TENANT}/work-1"
    async with session.put(path, json=asked) as response:
        assert response.status == 422 and "ends" in await response.text()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
    for status in (201, 409):
        async with session.put(path, json={**asked, "ends": soon}) as response:
            assert response.status == status, await response.text()
    [kept] = (await answer(session, f"/v1/silences/{TENANT}"))["silences"]
    assert (kept["workflow"], kept["by"], kept["reason"]) == ("support", "ana", "planned work")
    for status in (404, 200):
        async with session.delete(path.replace(TENANT, TENANT if status == 200 else "globex")) as response:
            assert response.status == status
    assert (await answer(session, f"/v1/silences/{TENANT}"))["silences"] == []


async def test_a_change_that_comes_after_a_newer_one_is_not_pushed(nats_server: NatsServer, store_url: str) -> None:
    store = await open_store(store_url)
    await prepared(store)
    [critical, _] = [watched(TENANT, rule) for rule in alert_rules("support", PROMISE)]
    await AlertDocuments(store).save([KeptAlert(replace(critical, told_ms=200), 0)])
    await store.close()
    receiver, port = Receiver(), free_port()
    receiver.refusals = 0
    runner = await hooked(receiver, port)
    settings = Settings(
        nats_url=nats_server.url,
        store_url=store_url,
        http_port=free_port(),
        access="open",
        log_level="error",
        alert_webhook_url=SecretStr(f"http://127.0.0.1:{port}/hook/s3cret"),
    )
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served:
        for at_ms, routed in ((100, True), (150, False), (200, True)):
            change = AlertChanged(
                workflow="support", slo="success_rate", severity="critical", condition="x", kind="burn",
                before="firing", after="resolved", at_ms=at_ms, routed=routed,
            )  # fmt: skip
            await publish(connection, change, Identity(TENANT, "support", f"a{at_ms}", "test"))
        await wait_until(lambda: bool(receiver.got), timeout_seconds=10)

        async def all_taken() -> bool:
            info = await connection.jetstream.consumer_info(LOG.name, ALERT_PUSHES.name)
            return not info.num_pending and not info.num_ack_pending

        await wait_until(all_taken, timeout_seconds=10)
    await runner.cleanup()
    assert [body["alerts"][0]["endsAt"] for _, body in receiver.got] == ["1970-01-01T00:00:00.200Z"]
