"""How does a message of the log become what people see?"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.envelope import LogEntry
from hil_inbox.domain.fold_views import fold_views
from hil_inbox.domain.read_model import Body, Collection, Place, View
from service_kit.bus import Delivery


class Log(Protocol):
    """The logs of all keys (service_kit.log)."""

    async def read(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]: ...


class Views(Protocol):
    """Where documents are kept; writing one twice, or an older one, changes nothing."""

    async def get(self, collection: Collection, document_id: str) -> dict[str, object] | None: ...

    async def write(self, documents: dict[Place, Body]) -> None: ...


Then = Callable[[View, LogEntry], Awaitable[None]]


@dataclass(slots=True)
class Projector:
    """Keeps the documents of all conversations. Views in memory are only such whose documents are stored;
    `then` is what follows from an entry, once for a delivery that had its documents stored here."""

    log: Log
    views: Views
    views_max: int
    then: Sequence[Then] = ()
    _kept: OrderedDict[tuple[str, str], View] = field(default_factory=OrderedDict)

    async def __call__(self, delivery: Delivery) -> None:
        """Fold the key's log through this message, in order and without gaps whatever was delivered before
        (ARCHITECTURE 1, rules 1 and 2), and store what changed. Ack means stored."""
        tenant, key, target = delivery.subject.tenant, delivery.subject.key, delivery.entry.sequence
        view = self._kept.get((tenant, key))
        if view is None:
            stored = await self.views.get("conversations", f"{tenant}/{key}")
            if stored is not None and int(str(stored["as_of_seq"])) >= target:
                return
            view = View(tenant, key)
        if view.sequence >= target:
            return
        is_next = delivery.complete_from <= view.sequence + 1  # All that documents show came here, and was folded.
        entries = [delivery.entry] if is_next else await self.log.read(tenant, key, after=view.sequence, until=target)
        view = fold_views(view, entries)
        await self.views.write(dict(view.changed))
        self._keep(view)
        for follow in self.then:
            await follow(view, delivery.entry)

    def _keep(self, view: View) -> None:
        self._kept[view.tenant, view.key] = view
        self._kept.move_to_end((view.tenant, view.key))
        if len(self._kept) > self.views_max:
            self._kept.popitem(last=False)
