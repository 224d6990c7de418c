"""When are the inboxes killed?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from hil.embedded.units import ChildUnit

POLL_SECONDS = 0.05


@dataclass(slots=True)
class InboxKiller:
    """SIGKILL for each inbox, `lives_seconds` after each time that it is ready; the stack's supervisor starts it anew.
    `own_ends` are those that ended unasked."""

    units: Sequence[ChildUnit]
    random: Random
    lives_seconds: tuple[float, float]
    kills: int = 0
    own_ends: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for unit in self.units:
                group.create_task(self._one(unit))

    async def _one(self, unit: ChildUnit) -> None:
        while True:
            if unit.alive and await unit.is_ready():
                process_id = unit.child.pid
                await asyncio.sleep(self.random.uniform(*self.lives_seconds))
                if not unit.alive or unit.child.pid != process_id:
                    self.own_ends.append(f"{unit.name} ended by itself: {unit.child.log_tail()[-500:]}")
                    continue
                unit.kill()
                self.kills += 1
            await asyncio.sleep(POLL_SECONDS)
