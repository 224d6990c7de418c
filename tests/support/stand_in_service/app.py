"""How does the stand-in serve? It answers every request with 200 until it is told to stop."""

import asyncio

from tests.support.stand_in_service.settings import Settings

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"


async def serve(settings: Settings, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run until `stop`; with `fails_with` it ends at once with that error, with `lingers` never."""
    if settings.fails_with:
        raise ValueError(settings.fails_with)
    server = await asyncio.start_server(_answer, "127.0.0.1", settings.http_port)
    async with server:
        ready.set()
        await stop.wait()
        if settings.lingers:
            await asyncio.Event().wait()
    print("stopped cleanly", flush=True)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_ANSWER)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
