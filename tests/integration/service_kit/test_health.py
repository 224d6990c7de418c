"""Liveness and readiness over real HTTP, and which check fails."""

import asyncio
import socket

import aiohttp
from fastapi import FastAPI

from service_kit.health import add_health, serve_http
from tests.support.kit import kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def test_readiness_names_the_check_that_fails_while_the_process_lives(own_nats_server: NatsServer) -> None:
    port, stop = free_port(), asyncio.Event()
    async with kit(own_nats_server.url) as connection:
        app = FastAPI()
        add_health(app, {"nats": lambda: connection.ready, "consumer": lambda: True})
        serving = asyncio.create_task(serve_http(app, host="127.0.0.1", port=port, stop=stop))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def answer(path: str) -> tuple[int, object]:
                try:
                    async with session.get(path) as response:
                        return response.status, await response.json()
                except aiohttp.ClientConnectionError:
                    return 0, None

            async def is_ready() -> bool:
                return await answer("/readyz") == (200, {"nats": True, "consumer": True})

            await wait_until(is_ready)
            own_nats_server.kill()

            async def says_which() -> bool:
                return await answer("/readyz") == (503, {"nats": False, "consumer": True})

            await wait_until(says_which)
            assert await answer("/healthz") == (200, {"status": "alive"})
            own_nats_server.restart()
            await wait_until(is_ready)
            async with session.get("/metrics") as response:
                assert "hil_messages_total" in await response.text()
        stop.set()
        await serving
