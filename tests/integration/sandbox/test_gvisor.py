"""Does a box of gVisor run the same code, end the same way and hold the same attacks?"""

import asyncio
import dataclasses
import os
import shutil

import pytest

from tests.integration.sandbox.test_the_keeper import ENDLESS, alive, keeper_of
from tests.support.wait_until import wait_until
from tool_runner.adapters.sandbox.opened import SandboxOptions, opened_sandbox, untried_sandbox
from tool_runner.adapters.sandbox.self_attack import self_attack
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable

LIMITS = SandboxLimits(wall_seconds_max=20)


@pytest.fixture
def gvisor(options: SandboxOptions) -> SandboxOptions:
    """Where its program is."""
    if shutil.which("runsc") is None:
        pytest.skip("runsc is not installed")
    return dataclasses.replace(options, backend="gvisor", tier_min="C", slots=3)


async def test_all_attacks_of_its_list_are_held(gvisor: SandboxOptions) -> None:
    async with untried_sandbox(gvisor) as attacked:
        found = await self_attack(attacked, gvisor.directory)
    assert [finding for finding in found if finding.through] == []
    assert len(found) == 14


async def test_code_ends_as_it_does_in_bubblewrap(gvisor: SandboxOptions) -> None:
    async with untried_sandbox(gvisor) as opened:
        fine, failed, late = await asyncio.gather(
            opened.whole.execute("print('hi'); open('out/a', 'w').write('x'); result = inputs", [1], LIMITS),
            opened.whole.execute("1 / 0", None, LIMITS),
            opened.whole.execute("while True: pass", None, dataclasses.replace(LIMITS, wall_seconds_max=0.5)),
        )
    assert (fine.tier, fine.exit_code, fine.stdout, fine.result, fine.files) == ("C", 0, "hi\n", [1], {"a": b"x"})
    assert (failed.exit_code, failed.error) == (1, "ZeroDivisionError: division by zero")
    assert (late.killed_by, late.timed_out) == ("wall", True)
    assert [path.name for path in gvisor.directory.glob("gvisor-*")] == []


async def test_two_tool_runners_have_boxes_on_one_machine_and_none_outlives_its_keeper(gvisor: SandboxOptions) -> None:
    async with untried_sandbox(gvisor) as one:
        keeper = keeper_of(os.getpid())
        running = asyncio.create_task(one.whole.execute(ENDLESS, None, LIMITS))
        await wait_until(lambda: any("runsc-sandbox" in box.cmdline() for box in keeper.children(recursive=True)))
        async with untried_sandbox(gvisor) as other:
            assert (await other.whole.execute("result = 1", None, LIMITS)).result == 1
        processes = keeper.children(recursive=True)
        keeper.kill()
        with pytest.raises(SandboxUnavailable):
            await running
        await wait_until(lambda: not any(map(alive, processes)))


async def test_bubblewrap_is_refused_where_a_kernel_of_its_own_is_demanded(options: SandboxOptions) -> None:
    with pytest.raises(SandboxUnavailable, match="TOOL_RUNNER_SANDBOX_TIER_MIN is C and this sandbox is of tier A"):
        async with opened_sandbox(dataclasses.replace(options, tier_min="C")):
            pass
