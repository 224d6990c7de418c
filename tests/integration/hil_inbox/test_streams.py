"""Does a stream end soon after what let it in has ended?"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from document_store import open_store
from hil.embedded.ports import free_port
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.gate import House, add_gate, staff_room
from hil_inbox.domain.sessions import Lifetimes
from http_gate.secret_text import hash_of
from service_kit.health import add_health, serve_http
from tests.support.inbox_token import give_token
from tests.support.kit import TENANT
from tests.support.running_service import running_service


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_a_stream_ends_soon_after_its_token(tmp_path: Path) -> None:
    store_url, port = f"sqlite:///{tmp_path}/store.sqlite3", free_port()
    token, closed = await give_token(store_url), asyncio.Event()

    async def beats() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: beat\n\n"
                await asyncio.sleep(0.05)
        finally:
            closed.set()

    async def served(stop: asyncio.Event, ready: asyncio.Event) -> None:
        store = await open_store(store_url)
        room = staff_room(store, lifetimes=Lifetimes(1_000_000, 1_000_000), now_ms=now_ms, oidc=None)
        await room.prepare()
        app = FastAPI()
        app.get("/v1/stream")(lambda: StreamingResponse(beats(), media_type="text/event-stream"))
        add_gate(app, room, House())
        add_health(app, {})
        await serve_http(app, host="127.0.0.1", port=port, stop=stop, listening=ready)
        await store.close()

    async with running_service(served, port) as session:
        async with session.get("/v1/stream", headers={"Authorization": f"Bearer {token}"}) as response:
            assert response.status == 200
            await response.content.readline()
            store = await open_store(store_url)
            await TokenStore(store).prepare()
            await TokenStore(store).revoke(TENANT, hash_of(token)[:16], now_ms=now_ms())
            await store.close()
            async with asyncio.timeout(10):
                while await response.content.readline():
                    pass
        async with asyncio.timeout(5):
            await closed.wait()
