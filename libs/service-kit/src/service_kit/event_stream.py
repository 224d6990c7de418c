"""How is a stream of events sent, and what ends it?"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service_kit.tasks import end_task

SEND_SECONDS_MAX = 30.0
"""A client that takes nothing for this long is gone; its own half of the connection just does not say so."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class EventStream(Response):
    """Server-sent events, whole frames as bytes. Whatever ends it (the client goes, the frames end, the client takes
    nothing any more, the request is cancelled), `place` is given back at once.

    By hand: FastAPI's own and sse-starlette encode an event for each subscriber anew, and ping by clocks of theirs."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], place: ExitStack) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._frames, self._place = frames, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until something ends it."""
        try:
            sending, leaving = asyncio.create_task(self._send(send)), asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                for task in (sending, leaving):
                    await end_task(task)
        finally:
            await self._frames.aclose()
            self._place.close()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for frame in self._frames:
            try:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
            except TimeoutError:
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
