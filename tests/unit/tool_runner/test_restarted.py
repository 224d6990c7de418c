"""How often is a sandbox made again that does not last?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.wait_until import wait_until

from tool_runner.adapters.sandbox.restarted import Open, Restarts, restarted
from tool_runner.domain.sandbox import Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable

QUICK = Restarts(most=2, pause_seconds=0.001)


class Echo:
    async def execute(self, code: str, inputs: object, limits: SandboxLimits) -> SandboxResult:
        return SandboxResult("A", 0, code)


class Made:
    """Sandboxes, of which each is gone when it is told so; `broken` says from which on none can be made."""

    def __init__(self, broken: int = 100) -> None:
        self.times, self.broken, self.open, self.gone = 0, broken, 0, asyncio.Event()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Open]:
        self.times += 1
        if self.times >= self.broken:
            raise SandboxUnavailable("an attack got through")
        self.gone = asyncio.Event()
        self.open += 1
        try:
            yield Open(Echo(), self.gone)
        finally:
            self.open -= 1


async def refused(sandbox: Sandbox) -> str:
    try:
        return (await sandbox.execute("", None, SandboxLimits())).stdout
    except SandboxUnavailable as error:
        return str(error)


def test_each_pause_is_twice_the_one_before_and_bounded() -> None:
    assert [Restarts().pause(failed) for failed in range(1, 8)] == [1, 2, 4, 8, 16, 32, 60]


async def test_a_first_start_that_fails_is_told_and_not_tried_again() -> None:
    made = Made(broken=1)
    with pytest.raises(SandboxUnavailable, match="an attack got through"):
        async with restarted(made, QUICK):
            pass
    assert made.times == 1


async def test_one_that_cannot_be_made_again_is_given_up_after_so_many_tries() -> None:
    made = Made(broken=2)
    async with restarted(made, QUICK) as sandbox:
        assert (await sandbox.execute("hi", None, SandboxLimits())).stdout == "hi"
        made.gone.set()
        last = (
            "the sandbox could not be made again: an attack got through, 3 times in a row; start the tool runner again"
        )
        await wait_until(lambda: _told(sandbox, last))
    assert made.times == 3


async def _told(sandbox: Sandbox, text: str) -> bool:
    return await refused(sandbox) == text


async def test_one_that_held_for_long_begins_a_new_row() -> None:
    made = Made()
    async with restarted(made, Restarts(most=2, pause_seconds=0.001, steady_seconds=0.0)):
        for _ in range(5):
            made.gone.set()
            await wait_until(lambda: not made.gone.is_set())
    assert (made.times, made.open) == (6, 0)
