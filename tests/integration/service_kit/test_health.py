"""Liveness and readiness over real HTTP, and which check fails."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from fastapi import FastAPI

from service_kit.bounded_http import BoundedHttp
from service_kit.health import add_health, serve_http
from tests.support.kit import kit
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def test_readiness_names_the_check_that_fails_while_the_process_lives(own_nats_server: NatsServer) -> None:
    port, stop, listening = free_port(), asyncio.Event(), asyncio.Event()
    async with kit(own_nats_server.url) as connection:
        app = FastAPI()
        add_health(app, {"nats": lambda: connection.ready, "consumer": lambda: True})
        serving = asyncio.create_task(serve_http(app, host="127.0.0.1", port=port, stop=stop, listening=listening))
        await listening.wait()
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


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nx: ", b""),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /", b"alive"),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200_000, b"The head is over the limit of 65536 bytes."),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000_000, b"The head is over the limit of 65536 bytes."),
    ],
    ids=["nothing", "half a head", "half a second head", "many headers", "a long header"],
)
async def test_a_head_without_end_closes_its_connection(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answered: bytes
) -> None:
    monkeypatch.setattr(BoundedHttp, "head_seconds_max", 0.2)
    async with serving_http() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(20):
            said = b""
            with suppress(ConnectionResetError):  # What was sent after the answer is not read any more.
                while part := await reader.read(65_536):
                    said += part
        writer.close()
    assert answered in said


async def test_an_answer_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "head_seconds_max", 0.1)
    async with serving_http() as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        for _ in range(2):
            async with http.get("/slow") as answer:
                assert await answer.json() == "done"


@asynccontextmanager
async def serving_http() -> AsyncIterator[int]:
    port, stop, listening, app = free_port(), asyncio.Event(), asyncio.Event(), FastAPI()
    add_health(app, {})

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.4)  # Four times what a head may take.
        return "done"

    serving = asyncio.create_task(serve_http(app, host="127.0.0.1", port=port, stop=stop, listening=listening))
    try:
        await listening.wait()
        yield port
    finally:
        stop.set()
        await serving
