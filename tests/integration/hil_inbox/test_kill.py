"""The inbox is killed under load and started again: nothing is lost, doubled or stuck."""

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest

from contracts.handover_clocks import HandoverDelivered
from contracts.handovers import ClaimHandover, HandoverClaimed
from hil.embedded.ports import free_port
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.forked_child import ForkedChild
from tests.support.handovers import opened, put
from tests.support.inbox_token import give_token
from tests.support.kit import TENANT, kit, say
from tests.support.running_service import is_ready
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

HANDOVERS = 150


async def claim_by_bus(connection: Connection, number: int) -> None:
    """A customer writes, a handover opens, two desktops claim it, one of them twice."""
    key = f"c{number}"
    await say(connection, key, "1", f"text {number}")
    await put(connection, opened(f"h{number}"), key)
    for name in ("ana", "bo", "ana"):
        command = ClaimHandover(command_id=f"{name}-{number}", actor_id=name, ownership_epoch=0)
        await put(connection, command, key, name=name)


@pytest.mark.slow
async def test_a_kill_at_any_moment_leaves_one_claim_each_and_true_documents(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    port = free_port()
    settings = {
        "HIL_INBOX_NATS_URL": nats_server.url,
        "HIL_INBOX_STORE_URL": f"sqlite:///{tmp_path}/inbox.sqlite3",
        "HIL_INBOX_HTTP_PORT": str(port),
    }
    headers = {"Authorization": f"Bearer {await give_token(settings['HIL_INBOX_STORE_URL'])}", "Hil-Actor": "ana"}
    service = ForkedChild("hil_inbox", {**os.environ, **settings}, tmp_path / "inbox.log")
    url = f"http://127.0.0.1:{port}"
    async with kit(nats_server.url) as connection, aiohttp.ClientSession(url, headers=headers) as session:
        for start in range(0, HANDOVERS, 50):
            service.start()
            await wait_until(lambda: is_ready(session), timeout_seconds=30)
            await asyncio.gather(*(claim_by_bus(connection, number) for number in range(start, start + 50)))
            service.kill()
        service.start()
        await wait_until(lambda: is_ready(session), timeout_seconds=30)

        async def claimed() -> list[str]:
            async with session.get("/v1/handovers", params={"state": "claimed", "limit": "200"}) as response:
                return [found["id"] for found in (await response.json())["handovers"]]

        async def complete() -> bool:
            return len(await claimed()) == HANDOVERS

        async def acknowledged() -> bool:
            logs = [await Log(connection).read(TENANT, f"c{number}") for number in range(HANDOVERS)]
            return all(any(isinstance(one.message, HandoverDelivered) for one in entries) for entries in logs)

        await wait_until(complete, timeout_seconds=60)
        await wait_until(acknowledged, timeout_seconds=60)
        for number in range(HANDOVERS):
            entries = await Log(connection).read(TENANT, f"c{number}")
            claims = [entry for entry in entries if isinstance(entry.message, HandoverClaimed)]
            assert len(claims) == 1
            assert sum(isinstance(entry.message, HandoverDelivered) for entry in entries) == 1
            async with session.get(f"/v1/conversations/{TENANT}/c{number}") as response:
                shown = await response.json()
            said = [line["text"] for line in shown["transcript"] if line["kind"] == "message"]
            assert said == [f"text {number}"]
            assert isinstance(claims[0].message, HandoverClaimed)
            assert shown["owner_id"] == claims[0].message.agent_id
        service.stop()
        assert service.exit_code == 0
