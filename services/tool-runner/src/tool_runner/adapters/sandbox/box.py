"""How does one box live: started, told its one job, watched to its end?"""

import asyncio
import marshal
import os
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from service_kit.tasks import end_task
from tool_runner.adapters.sandbox.boot import UP
from tool_runner.adapters.sandbox.descriptors import PipeReader, in_memory, write_all
from tool_runner.adapters.sandbox.keeper_client import BoxEnd, KeeperClient, Program
from tool_runner.adapters.sandbox.outcome import BadReport, Outcome, read_report, report_bytes_max
from tool_runner.domain.sandbox import SandboxLimits, SandboxResult, SandboxUnavailable

END_SECONDS_MAX = 5.0


class BoxKind(Protocol):
    """What all boxes of a sandbox have in common."""

    @property
    def tier(self) -> str:
        """What code in it is told to have run under."""
        ...

    @property
    def seccomp(self) -> bytes:
        """The filter of system calls, for a program that takes one."""
        ...

    def program(self, start: str, number: int, uid: int) -> Program:
        """What closes a box; `start` is `cold` or `warm`."""
        ...

    def after(self, number: int) -> None:
        """Nothing of it runs any more: remove what it left."""
        ...


@dataclass(slots=True)
class Box:
    """One box; it runs one piece of code, once."""

    kind: BoxKind
    keeper: KeeperClient
    number: int
    end: asyncio.Future[BoxEnd]
    job: int | None
    output: PipeReader
    report: PipeReader

    async def ready(self) -> None:
        """Until the interpreter is up. Raises SandboxUnavailable with what bubblewrap said."""
        await _first_of(self.report.first.wait(), self.end)
        if self.report.content[:1] == UP:
            return
        await asyncio.shield(self.end)  # Raises where the keeper knows why.
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS_MAX):
                await self.output.ended.wait()
        said = (self.output.content + self.report.content)[-500:].decode("utf-8", "replace").strip()
        await self.close()
        raise SandboxUnavailable(f"a sandbox did not start: {said or 'it said nothing'}")

    async def run(self, code: str, inputs: JsonValue, limits: SandboxLimits) -> SandboxResult:
        """Give it its job, and wait for its end, whatever that is."""
        self.output.limit(limits.output_bytes_max)
        self.report.limit(report_bytes_max(limits))
        job = {"code": code, "inputs": inputs, "files_max": limits.files_max, "files_bytes_max": limits.files_bytes_max}
        writing: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(limits.wall_seconds_max + END_SECONDS_MAX):
                await self.keeper.go(self.number, limits)
                assert self.job is not None, "a box runs one piece of code"
                writing, self.job = asyncio.create_task(write_all(self.job, marshal.dumps(job))), None
                await _first_of(self.output.flooded.wait(), self.report.flooded.wait(), self.end)
                if not self.end.done():
                    self.keeper.end(self.number, "output")
                end = await asyncio.shield(self.end)
                await self.output.ended.wait()  # All of it is dead, so nobody holds the pipes.
                await self.report.ended.wait()
        except TimeoutError as error:
            raise SandboxUnavailable("the keeper of the sandboxes does not answer") from error
        finally:
            try:
                if writing is not None:
                    await end_task(writing)
            finally:
                await self.close()
        return await asyncio.to_thread(self._result, end, limits)  # A result of 1 MiB takes a while to check.

    async def close(self) -> None:
        """End it if it still runs, and wait until nothing of it does."""
        try:
            if not self.end.done():
                self.keeper.end(self.number, None)
                with suppress(TimeoutError, SandboxUnavailable):
                    async with asyncio.timeout(END_SECONDS_MAX):
                        await asyncio.shield(self.end)
        finally:
            self.output.close()
            self.report.close()
            if self.job is not None:
                os.close(self.job)
                self.job = None
            self.kind.after(self.number)

    def _result(self, end: BoxEnd, limits: SandboxLimits) -> SandboxResult:
        killed_by, status = end.killed_by, end.status
        if killed_by is None and end.memory_kills and status != 0:
            killed_by = "memory"
        if killed_by is not None:  # It may have ended by itself while the limit was noticed.
            status = status or 137
        try:
            outcome = read_report(self.report.content[1:], limits)
        except BadReport as error:
            outcome, status = Outcome(error=str(error)), status or 1
        return SandboxResult(
            tier=self.kind.tier,
            exit_code=status,
            stdout=self.output.content.decode("utf-8", "replace"),
            result=outcome.result if status == 0 else None,
            error=outcome.error,
            files=outcome.files,
            timed_out=killed_by == "wall",
            killed_by=killed_by,
        )


def new_box(kind: BoxKind, keeper: KeeperClient, *, start: str, uid: int) -> Box:
    """Start one under the default limits; it waits for its job. Raises SandboxUnavailable."""
    (output, output_end), (job_end, job), (report, report_end) = os.pipe(), os.pipe(), os.pipe()
    number = keeper.next_number()
    given = [output_end, job_end, report_end, in_memory(kind.seccomp)]
    try:
        end = keeper.start(number, kind.program(start, number, uid), given)
    except SandboxUnavailable:
        for descriptor in (output, job, report):
            os.close(descriptor)
        raise
    return Box(kind, keeper, number, end, job, PipeReader(output, 1024), PipeReader(report, 1024))


async def _first_of(*waiting: asyncio.Future[BoxEnd] | Coroutine[object, object, object]) -> None:
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, one in zip(tasks, waiting, strict=True):
            if task is not one:
                task.cancel()
