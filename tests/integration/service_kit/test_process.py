"""A service told to end: it finishes what is in hand, takes nothing new, and loses nothing."""

import asyncio
import signal
import sys

import pytest

from contracts.completions import CompletionProduced
from contracts.streams import LOG
from service_kit.connection import Connection
from service_kit.log import Log
from tests.support.kit import TENANT, kit, say
from tests.support.programs import ROOT
from tests.support.slow_service import BEGUN, ENDED, SPEC
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


async def said(connection: Connection, word: str) -> set[str]:
    found = set()
    for key in (f"c{number}" for number in range(8)):
        entries = await Log(connection).read(TENANT, key)
        if any(isinstance(e.message, CompletionProduced) and e.message.command_id == word for e in entries):
            found.add(key)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_told_to_end_finishes_what_is_in_hand(nats_server: NatsServer, number: signal.Signals) -> None:
    async with kit(nats_server.url) as connection:
        for key in range(8):  # Four are taken, four wait on the server.
            await say(connection, f"c{key}", "1")
        command = (sys.executable, "-m", "tests.support.slow_service", nats_server.url)
        program = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)

        async def four_begun() -> bool:
            return len(await said(connection, BEGUN)) == 4

        await wait_until(four_begun)
        program.send_signal(number)
        output, _ = await program.communicate()
        assert program.returncode == 0, output.decode()
        assert await said(connection, ENDED) == await said(connection, BEGUN)
        assert len(await said(connection, ENDED)) == 4
        info = await connection.jetstream.consumer_info(LOG.name, SPEC.name)
        assert (info.num_ack_pending, info.num_pending) == (0, 4), "what was not begun waits for the next process"
