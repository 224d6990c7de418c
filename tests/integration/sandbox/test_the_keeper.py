"""Does every box end, whoever dies first, and is nothing left of it?"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from tests.support.wait_until import wait_until
from tool_runner.adapters.sandbox.boxed_sandbox import kept_warm
from tool_runner.adapters.sandbox.control_groups import MOUNT
from tool_runner.adapters.sandbox.opened import SandboxOptions, opened_sandbox, untried_sandbox
from tool_runner.adapters.sandbox.restarted import Restarts
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable

ENDLESS = "import time\ntime.sleep(3600)"
LIMITS = SandboxLimits(wall_seconds_max=60)


def keeper_of(pid: int) -> psutil.Process:
    [keeper] = [child for child in psutil.Process(pid).children() if any("keeper" in part for part in child.cmdline())]
    return keeper


def pythons_of(keeper: psutil.Process) -> list[psutil.Process]:
    """Interpreters inside of boxes."""
    return [child for child in keeper.children(recursive=True) if child.cmdline()[:1] == ["/usr/bin/python3"]]


def groups_of(keeper: int) -> list[Path]:
    return [*MOUNT.rglob(f"hil-box-{keeper}-*")]


async def test_a_keeper_that_is_killed_takes_its_boxes_along_and_code_is_refused(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened:
        keeper = keeper_of(os.getpid())
        running = asyncio.create_task(opened.whole.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: pythons_of(keeper))
        processes = keeper.children(recursive=True)
        keeper.send_signal(signal.SIGKILL)
        with pytest.raises(SandboxUnavailable, match="keeper of the sandboxes ended"):
            await running
        await wait_until(lambda: not any(map(alive, processes)))
        with pytest.raises(SandboxUnavailable, match="keeper of the sandboxes ended"):
            await opened.whole.execute("", None, LIMITS)


async def test_a_keeper_that_is_killed_is_started_again_a_bounded_number_of_times(options: SandboxOptions) -> None:
    restarts = Restarts(most=1, pause_seconds=0.05)
    async with opened_sandbox(dataclasses.replace(options, warm=1, restarts=restarts)) as sandbox:

        async def answer() -> object:
            try:
                return (await sandbox.execute("result = 'done'", None, LIMITS)).result
            except SandboxUnavailable as error:
                return str(error)

        first = keeper_of(os.getpid())
        running = asyncio.create_task(sandbox.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: pythons_of(first))
        first.send_signal(signal.SIGKILL)
        with pytest.raises(SandboxUnavailable, match="keeper of the sandboxes ended"):
            await running
        assert "keeper of the sandboxes ended; it is started again" in str(await answer())
        await wait_until(lambda: _is(answer, "done"), timeout_seconds=30)
        second = keeper_of(os.getpid())
        assert second.pid != first.pid
        assert groups_of(first.pid) == []
        second.send_signal(signal.SIGKILL)
        given_up = "the keeper of the sandboxes ended, 2 times in a row; start the tool runner again"
        await wait_until(lambda: _is(answer, given_up))


async def _is(answer: Callable[[], Awaitable[object]], expected: str) -> bool:
    return await answer() == expected


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_without_dying_with_its_parent_a_box_would_outlive_the_keeper(options: SandboxOptions) -> None:
    async with untried_sandbox(options, leave_out=["die"]) as opened:
        keeper = keeper_of(os.getpid())
        running = asyncio.create_task(opened.whole.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: pythons_of(keeper))
        [left] = pythons_of(keeper)
        keeper.send_signal(signal.SIGKILL)
        with pytest.raises(SandboxUnavailable):
            await running
        assert alive(left)
        left.kill()


async def test_a_tool_runner_that_is_killed_leaves_nothing_behind(options: SandboxOptions, tmp_path: Path) -> None:
    program = tmp_path / "runner.py"
    program.write_text(
        "import asyncio, pathlib\n"
        "from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox\n"
        "from tool_runner.domain.sandbox import SandboxLimits\n"
        "async def main():\n"
        f"    async with untried_sandbox(SandboxOptions(pathlib.Path({str(options.directory)!r}))) as opened:\n"
        f"        await opened.whole.execute({ENDLESS!r}, None, SandboxLimits(wall_seconds_max=60))\n"
        "asyncio.run(main())\n"
    )
    runner = await asyncio.create_subprocess_exec(sys.executable, str(program))
    await wait_until(lambda: psutil.Process(runner.pid).children(), timeout_seconds=20)
    keeper = keeper_of(runner.pid)
    await wait_until(lambda: pythons_of(keeper))
    processes = [keeper, *keeper.children(recursive=True)]
    assert groups_of(keeper.pid) != []
    runner.kill()
    await runner.wait()
    await wait_until(lambda: not any(map(alive, processes)))
    assert groups_of(keeper.pid) == []


async def test_no_control_group_is_left_after_an_execution(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened, kept_warm(opened.whole, 1):
        keeper = keeper_of(os.getpid()).pid
        for _ in range(3):
            await opened.whole.execute("", None, LIMITS)
    assert groups_of(keeper) == []


async def test_an_execution_that_is_cancelled_ends_at_once(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened:
        keeper = keeper_of(os.getpid())
        running = asyncio.create_task(opened.whole.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: pythons_of(keeper))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert pythons_of(keeper) == []
        assert (await opened.whole.execute("result = 1", None, LIMITS)).result == 1


FORKS = """
import os, signal
children = 0
try:
    while children < 100:
        if os.fork() == 0: signal.pause()
        children += 1
except BlockingIOError: pass
result = children
"""


async def test_no_code_runs_before_its_own_limits_hold_however_busy_the_keeper_is(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened, kept_warm(opened.whole, 1):
        await opened.whole.warmed()
        keeper = keeper_of(os.getpid())
        keeper.suspend()
        running = asyncio.create_task(opened.whole.execute(FORKS, None, dataclasses.replace(LIMITS, processes_max=8)))
        await asyncio.wait({running}, timeout=0.5)  # Long enough for code that does not wait for its limits.
        keeper.resume()
        assert (await running).result == 8 - 3  # bubblewrap has two, and the code itself is one.


async def test_a_keeper_survives_that_somebody_removes_its_groups(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened:
        keeper = keeper_of(os.getpid())
        running = asyncio.create_task(opened.whole.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: pythons_of(keeper))
        keeper.suspend()
        await wait_until(lambda: keeper.status() == psutil.STATUS_STOPPED)
        for process in keeper.children(recursive=True):  # Of the box and of the spares.
            with contextlib.suppress(psutil.NoSuchProcess):  # With the first of its namespace, the others have gone.
                process.kill()
        await wait_until(lambda: all([_removed(group) for group in groups_of(keeper.pid)]))
        keeper.resume()
        await asyncio.wait({running})
        assert (await opened.whole.execute("result = 1", None, LIMITS)).result == 1
        assert keeper_of(os.getpid()) == keeper


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True
