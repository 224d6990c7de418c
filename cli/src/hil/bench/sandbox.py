"""How long does a short piece of code take in the sandbox, cold and warm, beside a bare Python that does nothing?"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hil.embedded.errors import EmbeddedError
from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox, kept_warm
from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox
from tool_runner.domain.sandbox import SandboxLimits

_INTERPRETER = str(Path(sys.executable).resolve())
CODE = "result = inputs + 1"


@dataclass(frozen=True, slots=True)
class SandboxFigures:
    """Milliseconds, each a median; the floor is `python3 -c pass` of the same interpreter, with and without `-I -S`."""

    sandbox_cold_p50_ms: float
    sandbox_warm_p50_ms: float
    bare_python_p50_ms: float
    bare_python_isolated_p50_ms: float


async def measure_sandbox(directory: Path, *, executions: int = 30) -> SandboxFigures:
    """The candidates in turn, so that other load meets all of them. Raises SandboxUnavailable."""
    cold, bare, isolated = [], [], []
    async with untried_sandbox(SandboxOptions(directory, slots=2)) as opened:
        await _executed(opened.whole)
        for _ in range(executions):
            bare.append(await _timed(lambda: _python("-c", "pass")))
            isolated.append(await _timed(lambda: _python("-I", "-S", "-B", "-c", "pass")))
            cold.append(await _timed(lambda: _executed(opened.whole)))
        warm = await _warm(opened.whole, executions)
    return SandboxFigures(*(round(median(times) * 1000, 1) for times in (cold, warm, bare, isolated)))


async def _warm(sandbox: BoxedSandbox, executions: int) -> list[float]:
    times = []
    async with kept_warm(sandbox, 1):
        for _ in range(executions):
            await sandbox.warmed()
            times.append(await _timed(lambda: _executed(sandbox)))
    return times


async def _timed(action: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await action()
    return time.perf_counter() - started


async def _executed(sandbox: BoxedSandbox) -> None:
    ended = await sandbox.execute(CODE, 1, SandboxLimits())
    if ended.result != 2:
        raise EmbeddedError(f"the sandbox answered {ended.result!r} ({ended.error or ended.killed_by}), not 2")


async def _python(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(_INTERPRETER, *arguments)
    await process.wait()
