"""What is killed when, and how is it started again?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from hil.embedded.errors import StartFailed
from hil.embedded.supervisor import wait_ready
from hil.embedded.units import ChildUnit
from tests.chaos.system import System

READY_SECONDS = 60.0
ALIVE_SECONDS = (1.0, 3.0)
"""How long something lives after it was last ready."""
Leader = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Kill:
    """A SIGKILL, by name of the component; Unix milliseconds."""

    component: str
    at_ms: int


@dataclass(slots=True)
class Killer:
    """Kills and starts again until `until` (of time.monotonic). `own_ends` are processes that ended unasked."""

    until: float
    kills: list[Kill] = field(default_factory=list)
    own_ends: list[str] = field(default_factory=list)
    ready_seconds: list[tuple[str, float]] = field(default_factory=list)

    async def service(self, unit: ChildUnit, component: str, random: Random) -> None:
        """One service, again and again; it is ready when this returns."""
        while True:
            await self._ready(unit)
            await self._wait_alive(random)
            if time.monotonic() >= self.until:
                return
            self._kill(unit, component)
            unit.start()

    async def servers(self, system: System, random: Random, leader: Leader) -> None:
        """One of the NATS servers at a time, so that there always is a majority; every second time the leader."""
        units = list(system.nats.values())
        while True:
            await asyncio.gather(*(self._ready(unit) for unit in units))
            await self._wait_alive(random)
            if time.monotonic() >= self.until:
                return
            chosen, wants_leader = random.choice(units), random.random() < 0.5
            if wants_leader and len(units) > 1:
                chosen = system.nats.get(await leader() or "", chosen)
            self._kill(chosen, "nats-server")
            chosen.start()

    async def _wait_alive(self, random: Random) -> None:
        seconds = random.uniform(*ALIVE_SECONDS)
        await asyncio.sleep(max(0.0, min(seconds, self.until - time.monotonic())))

    def _kill(self, unit: ChildUnit, component: str) -> None:
        if unit.alive:
            unit.kill()
            self.kills.append(Kill(component, time.time_ns() // 1_000_000))
        else:
            self.own_ends.append(f"{unit.name} {unit.ending()}")

    async def _ready(self, unit: ChildUnit) -> None:
        """A process that ends by itself is started again, as a supervisor would."""
        began = time.monotonic()
        for _ in range(10):
            try:
                await wait_ready(unit, timeout_seconds=READY_SECONDS)
                self.ready_seconds.append((unit.name, time.monotonic() - began))
                return
            except StartFailed as failed:
                self.own_ends.append(str(failed))
                unit.kill()
                unit.start()
        raise StartFailed(f"{unit.name} does not start any more")


async def start_all(units: Sequence[ChildUnit]) -> None:
    """Start at once, and wait until all are ready."""
    for unit in units:
        unit.start()
    await asyncio.gather(*(wait_ready(unit, timeout_seconds=READY_SECONDS) for unit in units))
