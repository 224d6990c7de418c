"""What does the stack need to know of each thing that it keeps running, be it a process or a coroutine?"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

import aiohttp

from hil.embedded.processes import Child

_PROBE_TIMEOUT_SECONDS = 2.0


class Unit(Protocol):
    """One server or service of the stack, which can be started again after its end."""

    name: str

    @property
    def alive(self) -> bool: ...
    def start(self) -> None: ...
    async def is_ready(self) -> bool: ...
    def ending(self) -> str:
        """Why it ended, for a person."""
        ...

    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class ChildUnit:
    """A child process."""

    def __init__(self, name: str, child: Child, probe: Callable[[], Awaitable[bool]]) -> None:
        self.name = name
        self.child = child
        self._probe = probe

    @property
    def alive(self) -> bool:
        return self.child.alive

    def start(self) -> None:
        self.child.start()

    async def is_ready(self) -> bool:
        return await self._probe()

    def ending(self) -> str:
        code = self.child.exit_code
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        last_words = self.child.log_tail().rpartition("\n")[2]
        return f"{how}, its last words in {self.child.command.log_file}: {last_words or 'none'}"

    def terminate(self) -> None:
        self.child.terminate()
        self.child.resume()  # A paused process would not see the SIGTERM.

    def kill(self) -> None:
        self.child.kill()


Serve = Callable[[asyncio.Event, asyncio.Event], Coroutine[None, None, None]]
"""Runs a service until the first event (stop) is set; sets the second (ready) when it serves."""


class TaskUnit:
    """A service in this process and event loop."""

    def __init__(self, name: str, serve: Serve) -> None:
        self.name = name
        self._serve = serve
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._running is not None and not self._running.done()

    def start(self) -> None:
        assert not self.alive, f"{self.name} already runs"
        self._stop, self._ready = asyncio.Event(), asyncio.Event()
        self._running = asyncio.create_task(self._serve(self._stop, self._ready), name=self.name)

    async def is_ready(self) -> bool:
        return self._ready.is_set()

    def ending(self) -> str:
        if self._running is None or not self._running.done() or self._running.cancelled():
            return "was stopped"
        error = self._running.exception()
        return "ended" if error is None else f"failed: {type(error).__name__}: {error}"

    def terminate(self) -> None:
        self._stop.set()

    def kill(self) -> None:
        if self._running is not None:
            self._running.cancel()


def http_probe(url: str) -> Callable[[], Awaitable[bool]]:
    """Whether a GET of `url` is answered with 200."""

    async def probe() -> bool:
        timeout = aiohttp.ClientTimeout(total=_PROBE_TIMEOUT_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    return probe


def thread_probe(is_ready: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """Ask a blocking question without stopping the event loop."""

    async def probe() -> bool:
        return await asyncio.to_thread(is_ready)

    return probe
