"""What becomes of processes that wait in the keeper, when the machine's want of memory takes them first?"""

import os
import signal

import psutil

from tests.integration.sandbox.test_the_keeper import groups_of, keeper_of
from tests.support.wait_until import wait_until
from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox
from tool_runner.domain.sandbox import SandboxLimits


def waiting_in(keeper: psutil.Process) -> list[psutil.Process]:
    return [child for child in keeper.children() if child.status() != psutil.STATUS_ZOMBIE]


async def test_spares_that_were_killed_cost_no_execution_and_leave_nothing(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened:
        keeper = keeper_of(os.getpid())
        await wait_until(lambda: len(waiting_in(keeper)) == 2)
        for spare in waiting_in(keeper):
            spare.send_signal(signal.SIGKILL)
        await wait_until(lambda: waiting_in(keeper) == [])
        assert (await opened.whole.execute("result = 1", None, SandboxLimits())).result == 1
        await wait_until(lambda: len(keeper.children()) == 2)
    assert groups_of(keeper.pid) == []
