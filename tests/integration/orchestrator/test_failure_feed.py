"""What foreign workers say about failures must not stop the one who listens to all of them."""

import asyncio

from contracts.completions import CompletionFailed
from contracts.envelope import Identity
from contracts.executions import PatternDetected
from orchestrator.adapters.failure_feed import FailureFeed
from orchestrator.app import now_ms
from orchestrator.domain.breaker import BreakerRule
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.kit import TENANT, kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


async def fail(connection: Connection, workflow: str, number: int) -> None:
    failed = CompletionFailed(command_id=f"x{number}", node="n", workflow=workflow, error_class="provider_error")
    identity = Identity(TENANT, f"c{number}", f"{workflow}{number}", "x")
    await publish(connection, failed, identity)


async def test_failures_of_a_workflow_without_a_proper_name_leave_the_others_watched(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        rule = BreakerRule(failures_min=2, executions_min=2, window_ms=60_000, open_ms=30_000)
        feed, stop = FailureFeed(connection, rule, now_ms), asyncio.Event()
        running = asyncio.create_task(feed.run(stop))
        for workflow in ("", "a b.>", "echo"):
            for number in range(2):
                await fail(connection, workflow, number)

        found: list[PatternDetected] = []

        async def detected() -> bool:
            entries = await Log(connection).read(TENANT, "echo")
            found[:] = [entry.message for entry in entries if isinstance(entry.message, PatternDetected)]
            return bool(found)

        await wait_until(detected)
        assert found[0].executions == ("c0", "c1")
        assert "echo/n" in feed.open_breakers()
        stop.set()
        await running
