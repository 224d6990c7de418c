"""Is every conversation of an experiment in its report exactly once, whatever is killed or comes twice?"""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from analytics.app import serve
from contracts.experiments import Experiment, ExperimentExposed
from document_store import opened_store
from hil.embedded.ports import free_port
from orchestrator.adapters.experiments import change_experiments
from service_kit.connection import Connection
from tests.integration.analytics.test_figures import ON_BOTH_STORES, counted, in_the_middle, settings_for, store_url
from tests.integration.analytics.test_rebuild import nothing_retired, rebuilt
from tests.support.child_service import ChildService
from tests.support.handovers import BASED, ended, put
from tests.support.kit import TENANT, kit
from tests.support.running_service import is_ready, running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

__all__ = ["store_url"]
ARMS = [{"version": f"{n}.0.0", "content_hash": f"hash{n}", "percent": 50} for n in (1, 2)]
EXPERIMENT = Experiment.model_validate({"name": "killed", "workflow": "support", "arms": ARMS, "started_ms": 1})
CHOSEN = BASED.model_copy(update={"experiment": "killed"})
EACH, KILLS = 1_200, 2


async def play(connection: Connection, number: int) -> int:
    """A conversation: its end under two ids, as a lost acknowledgement leaves it, and its exposure after that."""
    key = f"c{number}"
    arm = EXPERIMENT.split.arm_of(TENANT, key)
    assert arm is not None
    end = ended(f"x{number}", turn_id="1", based_on=CHOSEN, cost_microdollars=number, success=number % 10 > 0)
    await put(connection, end, key, name="first")
    last = await put(connection, end, key, name="again")
    exposed = ExperimentExposed(based_on=BASED, split=EXPERIMENT.split, version=arm.version)
    return max(last, await put(connection, exposed, key))


def expected(version: str, count: int) -> dict[str, Any]:
    """Of an arm, counted apart, of the first conversations."""
    split = EXPERIMENT.split
    mine = [n for n in range(count) if (arm := split.arm_of(TENANT, f"c{n}")) and arm.version == version]
    return {
        "conversations": len(mine),
        "ended": len(mine),
        "cost_usd": sum(mine) / len(mine) / 1_000_000,
        "success_rate": sum(n % 10 > 0 for n in mine) / len(mine),
    }


def of_arms(report: dict[str, Any], count: int) -> None:
    """Each arm of the report holds what it should."""
    for arm in report["arms"]:
        known = expected(arm["version"], count)
        found = {name: arm[name] for name in ("conversations", "ended")} | arm["means"]
        assert {name: found[name] for name in known} == pytest.approx(known)


@ON_BOTH_STORES
async def test_a_report_of_either_store_has_each_conversation_once(nats_server: NatsServer, store_url: str) -> None:
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await change_experiments(connection, TENANT, lambda known: known.with_started(EXPERIMENT))
        last = max(await asyncio.gather(*(play(connection, number) for number in range(30))))
        await counted(session, last)
        async with session.get(f"/v1/experiments/{TENANT}/killed") as response:
            of_arms((await response.json())["report"], 30)


async def test_figures_that_are_counted_anew_have_the_same_conversations_and_leave_no_others(
    nats_server: NatsServer, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("QUIET_SECONDS", "LOOK_SECONDS", "GRACE_MS"):
        monkeypatch.setattr(f"analytics.handlers.rebuild.{setting}", 0.1)
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session, opened_store(store_url) as store:
        await change_experiments(connection, TENANT, lambda known: known.with_started(EXPERIMENT))
        await counted(session, max([await play(connection, number) for number in range(20)]))
        await rebuilt(store)
        await counted(session, max([await play(connection, number) for number in range(20, 30)]))
        async with session.get(f"/v1/experiments/{TENANT}/killed") as response:
            of_arms((await response.json())["report"], 30)
        await wait_until(lambda: nothing_retired(store), timeout_seconds=10)
        assert await store.count("experiment_units") == 0


@pytest.mark.slow
async def test_kills_and_repeats_leave_every_conversation_once(
    nats_server: NatsServer, store_url: str, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        "ANALYTICS_NATS_URL": nats_server.url,
        "ANALYTICS_STORE_URL": store_url,
        "ANALYTICS_HTTP_PORT": str(port),
        "ANALYTICS_LOG_LEVEL": "error",
        "ANALYTICS_ACCESS": "open",
    }
    service, last = ChildService("analytics", environment, tmp_path / "analytics.log"), 0
    async with kit(nats_server.url) as connection, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        await change_experiments(connection, TENANT, lambda known: known.with_started(EXPERIMENT))
        for start in range(0, KILLS * EACH, EACH):
            for some in range(start, start + EACH, 100):
                last = max(await asyncio.gather(*(play(connection, n) for n in range(some, some + 100))))
            service.start()
            await wait_until(lambda: in_the_middle(connection), timeout_seconds=60, every_seconds=0.001)
            service.kill()
        service.start()
        await wait_until(lambda: is_ready(session), timeout_seconds=30)
        await counted(session, last, timeout_seconds=90)
        async with session.get(f"/v1/experiments/{TENANT}/killed") as response:
            of_arms((await response.json())["report"], KILLS * EACH)
        assert service.stop() == 0
