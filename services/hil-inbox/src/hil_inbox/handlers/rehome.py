"""What becomes of the handovers of somebody who does not come back?"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from contracts.handovers import HandoverReleased
from hil_inbox.adapters.presence import Sweep
from hil_inbox.adapters.queue_store import OWNERS_MAX, Held
from hil_inbox.domain.house_commands import HOUSE, HouseCommand, RehomeHandover, rehome_id
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.presence import Roll

log = structlog.get_logger()
Settle = Callable[[str, str, HouseCommand], Awaitable[Stored]]


class Leases(Protocol):
    """Whose lease ended (adapters/presence.py)."""

    async def tenants(self) -> list[str]: ...

    async def sweep(self, tenant: str) -> Sweep: ...

    async def roll(self, tenant: str) -> Roll: ...


class Owned(Protocol):
    """Who owns what (adapters/queue_store.py)."""

    async def owned_by(self, tenant: str, owners: Sequence[str]) -> list[Held]: ...


@dataclass(frozen=True, slots=True)
class Rehomer:
    """Every replica sweeps. A release is a command named after handover and epoch, so it has one answer in the log
    however many ask for it; whoever never had a lease is in no sweep."""

    leases: Leases
    owned: Owned
    settle: Settle
    tell_offline: Callable[[str, str], Awaitable[None]]

    async def once(self) -> int:
        """One sweep over all tenants; how many handovers went back. Raises RetryLater."""
        rehomed = 0
        for tenant in await self.leases.tenants():
            sweep = await self.leases.sweep(tenant)
            for actor_id in sweep.lapsed:
                await self.tell_offline(tenant, actor_id)
            if sweep.gone:
                rehomed += await self._put_back(tenant, sweep.gone)
        return rehomed

    async def by_supervisor(self, tenant: str, agent_id: str, *, actor_id: str) -> tuple[int, int]:
        """Put back what this person owns, whether they are there or not: (how many, how many of them refused)."""
        held = await self.owned.owned_by(tenant, (agent_id,))
        done = [
            await self._release(
                tenant,
                one,
                RehomeHandover(rehome_id(one.id, one.epoch), one.id, one.epoch, "rehomed", actor_id=actor_id),
            )
            for one in held
        ]
        return sum(done), len(done) - sum(done)

    async def _put_back(self, tenant: str, gone: Sequence[str]) -> int:
        held: list[Held] = []
        for start in range(0, len(gone), OWNERS_MAX):
            held += await self.owned.owned_by(tenant, gone[start : start + OWNERS_MAX])
        if not held:
            return 0
        here = (await self.leases.roll(tenant)).people  # After it: who came back since the sweep may own it since then.
        done = [
            await self._release(
                tenant,
                one,
                RehomeHandover(rehome_id(one.id, one.epoch), one.id, one.epoch, "agent_offline", actor_id=HOUSE),
            )
            for one in held
            if one.owner_id not in here
        ]
        if any(done):
            log.info("handovers.rehomed", count=sum(done), people=len(gone))
        return sum(done)

    async def _release(self, tenant: str, held: Held, command: RehomeHandover) -> bool:
        """False if somebody was first: then the documents were late."""
        return isinstance((await self.settle(tenant, held.key, command)).fact, HandoverReleased)
