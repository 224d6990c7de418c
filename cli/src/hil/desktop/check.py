"""How is a desktop checked: what runs around it, and what did it break?"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from hil.desktop.command_acts import COMMAND_ACTS
from hil.desktop.desktop_process import Desktop
from hil.desktop.feed_acts import FEED_ACTS
from hil.desktop.play import BEFORE, Play, begun
from hil.desktop.play_nats import NatsPlay
from hil.desktop.rules import Broken, PlayEnded
from hil.desktop.scripted_inbox import ACTOR, TOKEN, ScriptedInbox
from hil.desktop.story import TENANT, Story
from hil.desktop.told_log import ToldLog
from hil.embedded.nats_server import start_nats
from hil.embedded.ports import LOOPBACK
from service_kit.connection import connected
from service_kit.streams import ensure_streams

WHO = {"HIL_ACTOR": ACTOR, "HIL_TENANT": TENANT}


async def checked(command: Sequence[str], *, seed: int, wait_seconds: float) -> list[Broken]:
    """The rules that a desktop breaks over HTTP. Raises OSError where it cannot be started."""
    inbox = begun(seed)
    async with _served(inbox) as address:
        told = {**WHO, "HIL_INBOX_URL": address, "HIL_TOKEN": TOKEN}
        desktop = await Desktop.start(command, told, answer_seconds=4 * wait_seconds)
        play = Play(inbox, desktop, wait_seconds)
        try:
            for act in (*FEED_ACTS, *COMMAND_ACTS):
                await act(play)
        except PlayEnded as ended:
            inbox.note(ended.broken)
        finally:
            inbox.end()
            await desktop.end()
    return inbox.broken


async def checked_over_nats(command: Sequence[str], *, seed: int, wait_seconds: float) -> list[Broken]:
    """The rules that a desktop breaks over NATS. Raises OSError where it cannot be started."""
    with tempfile.TemporaryDirectory() as folder:
        server = start_nats(Path(folder))
        try:
            async with connected(server.url, service="conformance") as connection:
                await ensure_streams(connection.jetstream)
                desktop = await Desktop.start(command, {**WHO, "NATS_URL": server.url}, answer_seconds=4 * wait_seconds)
                log = ToldLog(connection, desktop, Story(seed), wait_seconds)
                try:
                    await log.go_on(BEFORE)
                    await NatsPlay(log, server).run()
                finally:
                    await desktop.end()
        finally:
            server.stop()
    return log.broken


@asynccontextmanager
async def _served(inbox: ScriptedInbox) -> AsyncIterator[str]:
    runner = web.AppRunner(inbox.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
