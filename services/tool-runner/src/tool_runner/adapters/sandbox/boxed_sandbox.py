"""Who runs code in boxes? So many at once as there are slots, each slot a user of its own."""

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import JsonValue

from service_kit.tasks import end_task
from tool_runner.adapters.sandbox.box import Box, BoxKind, new_box
from tool_runner.adapters.sandbox.keeper_client import KeeperClient
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable

CODE_CHARACTERS_MAX = 1_000_000


class BoxedSandbox:
    """Some boxes may be kept warm: their interpreter is up before there is anything to run. Each is used once."""

    def __init__(self, kind: BoxKind, keeper: KeeperClient, *, uids: range) -> None:
        self.kind = kind
        self._keeper = keeper
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for uid in uids:
            self._free.put_nowait(uid)
        self._warm: deque[tuple[int, Box]] = deque()
        self._refill, self._filled = asyncio.Event(), asyncio.Event()

    async def execute(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        """Raises SandboxUnavailable; whatever the code does is a result."""
        if len(code) > CODE_CHARACTERS_MAX:
            error = f"the code has {len(code)} characters, the limit is {CODE_CHARACTERS_MAX}"
            return SandboxResult(self.kind.tier, 1, "", error=error)
        started = time.monotonic()
        uid, box, waited = await self._taken(limits.wall_seconds_max)
        left = dataclasses.replace(limits, wall_seconds_max=limits.wall_seconds_max - waited)
        try:
            result = await box.run(code, inputs, left)
        finally:
            self._free.put_nowait(uid)
            self._filled.clear()
            self._refill.set()
        return dataclasses.replace(result, wall_ms=round((time.monotonic() - started) * 1000, 1))

    async def keep_warm(self, boxes: int) -> None:
        """Start boxes ahead of time, one after the other, until cancelled."""
        while True:
            self._refill.clear()
            while len(self._warm) < boxes and not self._free.empty():
                uid = self._free.get_nowait()
                try:
                    self._warm.append((uid, await self._started("warm", uid)))
                except SandboxUnavailable:  # The next execution will say why.
                    break
            if not self._refill.is_set():
                self._filled.set()
            await self._refill.wait()

    async def warmed(self) -> None:
        """Until all boxes that are to wait are up."""
        await self._filled.wait()

    async def close(self) -> None:
        """End the boxes that wait."""
        while self._warm:
            await self._warm.pop()[1].close()

    async def _taken(self, patience_seconds: float) -> tuple[int, Box, float]:
        """A user, its box, and for how many seconds there was none: who asked has so much less time to run."""
        while self._warm:
            uid, box = self._warm.popleft()
            if not box.end.done():
                return uid, box, 0.0
            await box.close()
            self._free.put_nowait(uid)
        since = time.monotonic()
        try:
            async with asyncio.timeout(patience_seconds):
                uid = await self._free.get()
        except TimeoutError as error:
            raise SandboxUnavailable(
                f"all sandboxes were in use for {patience_seconds:g} s; raise TOOL_RUNNER_SANDBOX_SLOTS"
            ) from error
        waited = time.monotonic() - since
        return uid, await self._started("cold", uid), waited

    async def _started(self, start: str, uid: int) -> Box:
        box: Box | None = None
        try:
            box = new_box(self.kind, self._keeper, start=start, uid=uid)
            await box.ready()
        except BaseException:
            try:
                if box is not None:
                    await box.close()
            finally:  # Whoever is cancelled twice gives it back as well.
                self._free.put_nowait(uid)
            raise
        if start == "warm":
            self._keeper.wait(box.number)
        return box


@asynccontextmanager
async def kept_warm(sandbox: BoxedSandbox, boxes: int) -> AsyncIterator[None]:
    """So many boxes wait for code, for as long as the block runs; each costs about 6 MB."""
    filling = asyncio.create_task(sandbox.keep_warm(boxes))
    try:
        yield
    finally:
        await end_task(filling)
        await sandbox.close()
