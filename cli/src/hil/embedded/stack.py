"""How does the whole system start, stay up and stop on one machine?"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

from hil.embedded.directory import own_directory
from hil.embedded.endpoints import remove_endpoints, write_endpoints
from hil.embedded.errors import EmbeddedError
from hil.embedded.plan import StackPlan, assemble
from hil.embedded.supervisor import Change, Notice, Report, keep_running, stop_all, wait_ready
from hil.embedded.units import Unit


class Stack:
    """A system of one plan; `running_stack` starts and stops it."""

    def __init__(self, plan: StackPlan, report: Report) -> None:
        assembly = assemble(plan)
        self.plan = plan
        self.endpoints = dict(assembly.endpoints)
        self.units = {unit.name: unit for tier in assembly.tiers for unit in tier}
        self._tiers = assembly.tiers
        self._report = report
        self._supervision: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start tier after tier, wait until all is ready, write the addresses, and keep everything running."""
        remove_endpoints(self.plan.data_dir)  # What a killed predecessor left behind.
        for tier in self._tiers:
            for unit in tier:
                self._report(Notice(unit.name, Change.STARTING))
                unit.start()
            await _all_or_first_failure([self._wait_ready(unit) for unit in tier])
        write_endpoints(self.plan.data_dir, self.endpoints)
        self._supervision = asyncio.create_task(self._supervise())

    async def wait_until_failed(self) -> None:
        """Return never; raises GaveUp when something will not stay up."""
        assert self._supervision is not None, "the stack was not started"
        await asyncio.shield(self._supervision)

    async def stop(self) -> None:
        """End everything, in the reverse order of its start."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.wait({self._supervision})
        remove_endpoints(self.plan.data_dir)
        for tier in reversed(self._tiers):
            last_first = tuple(unit for unit in reversed(tier) if unit.alive)
            await stop_all(last_first, grace_seconds=self.plan.grace_seconds)
            for unit in last_first:
                self._report(Notice(unit.name, Change.STOPPED))

    def kill(self) -> None:
        """End everything at once, without grace."""
        for unit in self.units.values():
            unit.kill()

    async def _wait_ready(self, unit: Unit) -> None:
        await wait_ready(unit, timeout_seconds=self.plan.restarts.ready_timeout_seconds)
        self._report(Notice(unit.name, Change.READY, self.endpoints.get(unit.name, "")))

    async def _supervise(self) -> None:
        policy = self.plan.restarts
        await _all_or_first_failure(
            [keep_running(unit, policy=policy, report=self._report) for unit in self.units.values()]
        )


@asynccontextmanager
async def running_stack(plan: StackPlan, report: Report) -> AsyncIterator[Stack]:
    """The system of the plan, ready; it is stopped at the end.

    Must be used in the main thread. Raises DirectoryInUse, PortTaken, StartFailed and the other EmbeddedErrors.
    """
    with own_directory(plan.data_dir) as data_dir:
        stack = Stack(replace(plan, data_dir=data_dir), report)
        try:
            await stack.start()
            yield stack
        finally:
            try:
                await stack.stop()
            except asyncio.CancelledError:
                stack.kill()
                raise


async def _all_or_first_failure(coroutines: list[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except* EmbeddedError as errors:
        raise errors.exceptions[0] from None
