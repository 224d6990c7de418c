"""Does a slot come back whatever happens to who had it, and does waiting for one count?"""

import asyncio
import dataclasses
import os

from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox
from tool_runner.domain.sandbox import SandboxLimits

ENDLESS = "while True: pass"
LIMITS = SandboxLimits(wall_seconds_max=20)


async def test_a_caller_that_is_cancelled_twice_keeps_no_slot_and_no_descriptor(options: SandboxOptions) -> None:
    async with untried_sandbox(dataclasses.replace(options, slots=2)) as opened:
        await opened.whole.execute("", None, LIMITS)
        before = len(os.listdir("/proc/self/fd"))
        for turns in range(0, 60, 5):  # From before its box is up to when it runs.
            running = asyncio.create_task(opened.whole.execute(ENDLESS, None, LIMITS))
            for _ in range(turns):
                await asyncio.wait({running}, timeout=0.005)
            running.cancel()
            await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running})
        both = [opened.whole.execute("result = 1", None, LIMITS) for _ in range(2)]
        assert [ended.result for ended in await asyncio.gather(*both)] == [1, 1]
        assert len(os.listdir("/proc/self/fd")) == before


async def test_who_waited_for_a_slot_has_the_rest_of_its_time_alone(options: SandboxOptions) -> None:
    async with untried_sandbox(dataclasses.replace(options, slots=1)) as opened:
        first = asyncio.create_task(
            opened.whole.execute(ENDLESS, None, dataclasses.replace(LIMITS, wall_seconds_max=2.5))
        )
        await asyncio.sleep(0)
        second = await opened.whole.execute(ENDLESS, None, dataclasses.replace(LIMITS, wall_seconds_max=3.5))
        assert (second.killed_by, (await first).killed_by) == ("wall", "wall")
        assert second.wall_ms < 2_500 + 3_500
