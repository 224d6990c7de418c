"""How is the feed of the inbox followed over HTTP, through disconnects and restarts, without a gap or a repeat?"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from hil.desktop.state import DesktopState, Json

AGAIN_SECONDS = 0.1
LINE_BYTES_MAX = 16 * 1024 * 1024


@dataclass(slots=True)
class FeedClient:
    """One subscriber: what it knows, its cursor, and the ids of all changes as they came."""

    base_url: str
    headers: dict[str, str]
    cursor: int
    state: DesktopState = field(default_factory=DesktopState)
    ids: list[int] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    beats: int = 0

    async def follow(self, is_done: Callable[[], bool]) -> None:
        """Follow until `is_done`, which is asked after each event, or a reset; connecting anew as often as the stream
        ends."""
        async with aiohttp.ClientSession(self.base_url, headers=self.headers, read_bufsize=LINE_BYTES_MAX) as session:
            while not is_done() and not self.resets:
                try:
                    await self._follow_once(session, is_done)
                except (aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(AGAIN_SECONDS)

    async def _follow_once(self, session: aiohttp.ClientSession, is_done: Callable[[], bool]) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with session.get("/v1/feed", headers={"Last-Event-ID": str(self.cursor)}, timeout=timeout) as response:
            if response.status != 200:
                await asyncio.sleep(AGAIN_SECONDS)
                return
            async for event, body in events_of(response):
                self._take(event, body)
                if is_done() or self.resets:
                    return

    def _take(self, event: str, body: Json) -> None:
        if event == "change":
            self.ids.append(body["seq"])
            self.cursor = body["seq"]
            self.state.apply(body)
        elif event == "heartbeat":
            self.beats += 1
            self.cursor = max(self.cursor, body["seq"])
        elif event == "reset":
            self.resets.append(body["reason"])


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Json]]:
    """Each event's name and its data. Ends with the stream; a piece of an event at its end is none."""
    event, data = "message", ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            data = value
        elif not line and raw:
            if data:
                body: Any = json.loads(data)
                yield event, body
            event, data = "message", ""
