"""How does an answer end when what let its reader in has ended?"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOK_AGAIN_SECONDS = 3.0
"""A stream ends this long after what let it in has ended, and after what is still believed of that."""


async def answer_until(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, is_over: Callable[[], Awaitable[bool]]
) -> None:
    """Answer one request, and end the answer soon after `is_over` says yes."""
    has_begun = False

    async def noted(message: Message) -> None:
        nonlocal has_begun
        has_begun = has_begun or message["type"] == "http.response.start"
        await send(message)

    answering = asyncio.ensure_future(app(scope, receive, noted))
    try:
        while not (await asyncio.wait({answering}, timeout=LOOK_AGAIN_SECONDS))[0]:
            if has_begun and await is_over():
                answering.cancel()
                await asyncio.wait({answering})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
        answering.result()
    finally:
        if not answering.done():
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
