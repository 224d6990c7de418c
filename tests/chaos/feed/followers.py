"""What does a subscriber do whose connection breaks again and again, and who comes back to whichever inbox answers?"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import aiohttp

from hil.desktop.state import DesktopState, Json

AGAIN_SECONDS = (0.1, 0.5)
SILENCE_SECONDS = 15.0
"""Heartbeats come each half second: a connection on which nothing comes for so long is given up."""
CHANGE = b"id: "


@dataclass(slots=True)
class Told:
    """Each change as it was told first. Whichever inbox tells it again, also after a restart, must say the same."""

    frames: dict[int, bytes] = field(default_factory=dict)
    bodies: dict[int, Json] = field(default_factory=dict)
    differing: set[int] = field(default_factory=set)

    def take(self, frame: bytes) -> tuple[int, Json]:
        """The change of a frame, and its sequence."""
        seq = int(frame[len(CHANGE) : frame.index(b"\n")])
        if seq not in self.frames:
            self.frames[seq], self.bodies[seq] = frame, _data(frame)
        elif self.frames[seq] != frame:
            self.differing.add(seq)
            return seq, _data(frame)
        return seq, self.bodies[seq]


@dataclass(slots=True)
class Follower:
    """One subscriber: what it knows, its cursor, the ids of all changes as they came, and how often it came back."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    headers: dict[str, str]
    random: Random
    told: Told
    leaves: float
    """How probable it is after a change that the connection is given up."""
    cursor: int = 0
    ids: list[int] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    came_back: int = 0
    state: DesktopState = field(default_factory=DesktopState)

    async def follow(self, is_done: Callable[[int], bool]) -> None:
        """Until `is_done` says so of the cursor, or a reset."""
        while not is_done(self.cursor) and not self.resets:
            self.came_back += 1
            wait_seconds = self.random.uniform(*AGAIN_SECONDS)
            with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
                wait_seconds = max(wait_seconds, await self._once(is_done))
            await asyncio.sleep(wait_seconds)

    async def _once(self, is_done: Callable[[int], bool]) -> float:
        """One connection; how long the inbox asks to wait."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS)
        headers = {**self.headers, "Last-Event-ID": str(self.cursor)}
        url = f"{self.random.choice(self.urls)}/v1/feed"
        async with self.session.get(url, headers=headers, timeout=timeout) as response:
            if response.status != 200:
                return float(response.headers.get("Retry-After", 0))
            async for frame in _frames(response):
                changed = self._take(frame)
                if is_done(self.cursor) or self.resets or (changed and self.random.random() < self.leaves):
                    return 0
        return 0

    def _take(self, frame: bytes) -> bool:
        if frame.startswith(CHANGE):
            seq, body = self.told.take(frame)
            self.ids.append(seq)
            self.cursor = seq
            self.state.apply(body)
            return True
        if frame.startswith(b"event: heartbeat"):
            self.cursor = max(self.cursor, _data(frame)["seq"])
        elif frame.startswith(b"event: reset"):
            self.resets.append(_data(frame)["reason"])
        return False


async def _frames(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole events; a piece of one at the end of the stream is none."""
    rest = b""
    async for piece in response.content.iter_any():
        *frames, rest = (rest + piece).split(b"\n\n")
        for frame in frames:
            yield frame


def _data(frame: bytes) -> Json:
    data: Json = json.loads(frame[frame.index(b"data: ") + 6 :])
    return data
