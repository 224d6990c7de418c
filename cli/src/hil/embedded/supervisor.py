"""When does something that ended get started again, and when is that given up?"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hil.embedded.errors import GaveUp, StartFailed
from hil.embedded.units import Unit

_POLL_SECONDS = 0.05
DOUBLINGS_MAX = 32
"""More would be a number that no float holds, after a thousand restarts."""


class Change(StrEnum):
    """What happened to a unit."""

    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that a person who watches should know."""

    unit: str
    change: Change
    text: str = ""


Report = Callable[[Notice], None]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How patiently something is started again; a start that lasted `steady_seconds` makes it start counting anew."""

    delay_seconds_first: float = 0.2
    delay_seconds_max: float = 10.0
    restarts_max: int = 10
    steady_seconds: float = 30.0
    ready_timeout_seconds: float = 60.0

    def delay_seconds(self, restart: int) -> float:
        """Wait before restart number `restart` (the first is 1): doubling up to the maximum."""
        return float(min(self.delay_seconds_max, self.delay_seconds_first * 2 ** min(restart - 1, DOUBLINGS_MAX)))


async def wait_ready(unit: Unit, *, timeout_seconds: float) -> None:
    """Return when the unit is ready; raises StartFailed when it ends first or the time is over."""
    try:
        async with asyncio.timeout(timeout_seconds):
            while not await unit.is_ready():
                if not unit.alive:
                    raise StartFailed(f"{unit.name} did not start: it {unit.ending()}")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise StartFailed(f"{unit.name} was not ready after {timeout_seconds:g} s") from None


async def keep_running(unit: Unit, *, policy: RestartPolicy, report: Report) -> None:
    """Start the unit again whenever it ends; raises GaveUp after `policy.restarts_max` restarts in a row."""
    loop = asyncio.get_running_loop()
    restarts = 0
    while True:
        started = loop.time()
        await _until_ended([unit])
        restarts = 1 if loop.time() - started >= policy.steady_seconds else restarts + 1
        if restarts > policy.restarts_max:
            raise GaveUp(f"{unit.name} {unit.ending()}; not started again after {policy.restarts_max} restarts")
        delay_seconds = policy.delay_seconds(restarts)
        plan = f"starting it again in {delay_seconds:g} s ({restarts} of {policy.restarts_max})"
        report(Notice(unit.name, Change.ENDED, f"{unit.ending()}; {plan}"))
        await asyncio.sleep(delay_seconds)
        await _start_again(unit, policy=policy, report=report)


async def _start_again(unit: Unit, *, policy: RestartPolicy, report: Report) -> None:
    report(Notice(unit.name, Change.STARTING))
    unit.start()
    try:
        await wait_ready(unit, timeout_seconds=policy.ready_timeout_seconds)
    except StartFailed:
        unit.kill()  # It counts as ended, so the caller's loop comes back to it.
    else:
        report(Notice(unit.name, Change.READY))


async def stop_all(units: Sequence[Unit], *, grace_seconds: float) -> None:
    """Ask all to end, in the order given, wait for them together, and kill those that are left."""
    for unit in units:
        unit.terminate()
    try:
        async with asyncio.timeout(grace_seconds):
            await _until_ended(units)
    except TimeoutError:
        for unit in units:
            unit.kill()


async def _until_ended(units: Sequence[Unit]) -> None:
    while any(unit.alive for unit in units):  # noqa: ASYNC110 - nothing announces the end of a process portably
        await asyncio.sleep(_POLL_SECONDS)
