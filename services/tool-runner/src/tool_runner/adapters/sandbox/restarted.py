"""What becomes of the sandbox when its keeper dies? It is made again, and attacked again before any code runs in it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import JsonValue

from tool_runner.domain.sandbox import Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable

_GONE, _AGAIN = "the keeper of the sandboxes ended", "it is started again within a minute or so"


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often in a row, and how long after which failure. One that held for `steady_seconds` begins a new row."""

    most: int = 6
    pause_seconds: float = 1.0
    pause_seconds_max: float = 60.0
    steady_seconds: float = 600.0

    def pause(self, failed: int) -> float:
        """After the `failed`th failure in a row: each twice the one before."""
        return min(self.pause_seconds * 2.0 ** (failed - 1), self.pause_seconds_max)


@dataclass(frozen=True, slots=True)
class Open:
    """A sandbox that holds, until `gone`."""

    sandbox: Sandbox
    gone: asyncio.Event


Opening = Callable[[], AbstractAsyncContextManager[Open]]


class RestartedSandbox:
    """Code is refused while there is none: whoever asked for it tries again, if that is worth it."""

    def __init__(self, opening: Opening, restarts: Restarts) -> None:
        self._opening, self._restarts = opening, restarts
        self._sandbox: Sandbox | None = None
        self._why_none = "the sandbox is being made"

    async def execute(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        """Raises SandboxUnavailable; whatever the code does is a result."""
        if self._sandbox is None:
            raise SandboxUnavailable(self._why_none)
        return await self._sandbox.execute(code, inputs, limits)

    async def keep(self, up: asyncio.Event) -> None:
        """Until cancelled; without the sandbox once it has failed too often. Raises what the first start raises."""
        log, failed = structlog.get_logger(), 0
        while failed <= self._restarts.most:
            started = time.monotonic()
            try:
                await self._held_until_gone(up)
                reason = _GONE
            except (SandboxUnavailable, OSError) as error:
                if not up.is_set():
                    raise
                reason = f"the sandbox could not be made again: {error}"
            failed = 1 if time.monotonic() - started >= self._restarts.steady_seconds else failed + 1
            pause = self._restarts.pause(failed)
            self._why_none = f"{reason}; {_AGAIN}"
            log.warning("sandbox.gone", reason=reason, failed=failed, of=self._restarts.most, pause_seconds=pause)
            await asyncio.sleep(pause)
        self._why_none = f"{reason}, {failed} times in a row; start the tool runner again"
        log.error("sandbox.given_up", reason=self._why_none)

    async def _held_until_gone(self, up: asyncio.Event) -> None:
        async with self._opening() as opened:
            self._sandbox = opened.sandbox
            up.set()
            try:
                await opened.gone.wait()
            finally:
                self._sandbox, self._why_none = None, f"{_GONE}; {_AGAIN}"


@asynccontextmanager
async def restarted(opening: Opening, restarts: Restarts) -> AsyncIterator[Sandbox]:
    """For as long as the block runs. Raises what the first start raises; later ones are tried again."""
    sandbox, up = RestartedSandbox(opening, restarts), asyncio.Event()
    keeping, first = asyncio.create_task(sandbox.keep(up)), asyncio.create_task(up.wait())
    try:
        await asyncio.wait({keeping, first}, return_when=asyncio.FIRST_COMPLETED)
        if not up.is_set():
            keeping.result()
        yield sandbox
    finally:
        for task in (keeping, first):
            task.cancel()  # Once: what it opened takes its time to close.
        await asyncio.wait({keeping, first})
        if not keeping.cancelled() and (unexpected := keeping.exception()) is not None and up.is_set():
            raise unexpected
