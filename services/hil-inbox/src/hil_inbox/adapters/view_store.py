"""How are the documents that people read stored, found, and never set back?"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from document_store import DocumentStore, Equal, OneOf, Page, Sort, Write
from document_store.errors import VersionConflict
from document_store.protocol import Condition, Direction, Outcome, Stored
from hil_inbox.domain.queue_position import ORDER
from hil_inbox.domain.read_model import Body, Collection, Place

CONFLICTS_MAX = 20
WRITES_MAX = 200
KNOWN_MAX = 50_000
WRITTEN_ONCE: frozenset[Collection] = frozenset({"transcript", "audit"})
"""An entry of the log has one line there, whoever writes it."""
INDEXES: Mapping[Collection, Sequence[Sequence[str]]] = {
    "handovers": (("state", "rank", "opened_ms"), ("tenant", "state", "rank", "opened_ms"), ("rank", "opened_ms")),
    "approvals": (("state", "rank", "expires_ms"), ("tenant", "state", "rank", "expires_ms"), ("rank", "expires_ms")),
    "transcript": (("tenant", "key", "seq"),),
    "notices": (("at_ms",), ("tenant", "at_ms")),
    "audit": (("tenant", "at_ms"), ("tenant", "actor_id", "at_ms"), ("tenant", "key", "at_ms")),
    "suggestions": (("tenant", "key", "seq"),),
    "queue": (
        ("tenant", "state", "due_ms", "rank", "opened_ms"),
        ("tenant", "kind", "state", "due_ms", "rank", "opened_ms"),
        ("tenant", "owner_id", "state", "due_ms", "rank", "opened_ms"),
        ("tenant", "queue", "state", "due_ms", "rank", "opened_ms"),
        ("tenant", "queue", "kind", "state", "opened_ms"),
        ("tenant", "team", "state", "due_ms", "rank", "opened_ms"),
        ("tenant", "due_ms", "rank", "opened_ms"),
        ("tenant", "key"),
    ),
}
ORDERS: Mapping[Collection, Sequence[Sort]] = {
    "handovers": (Sort("rank"), Sort("opened_ms")),
    "approvals": (Sort("rank"), Sort("expires_ms")),
    "transcript": (Sort("seq"),),
    "notices": (Sort("at_ms", Direction.DESCENDING),),
    "audit": (Sort("at_ms", Direction.DESCENDING),),
    "suggestions": (Sort("seq"),),
    "queue": tuple(map(Sort, ORDER)),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What this process wrote of a document last."""

    version: int
    as_of_seq: int


NEW = Known(0, -1)


@dataclass(frozen=True, slots=True)
class ViewStore:
    """The inbox's documents. Each carries the sequence that it shows (`as_of_seq`) and never goes back behind it."""

    store: DocumentStore
    _known: "OrderedDict[Place, Known]" = field(default_factory=OrderedDict)

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for collection, indexes in INDEXES.items():
            for fields in indexes:
                await self.store.ensure_index(collection, fields)

    async def get(self, collection: Collection, document_id: str) -> dict[str, object] | None:
        """One document's body."""
        document = await self.store.get(collection, document_id)
        return None if document is None else document.body

    async def find(
        self, collection: Collection, where: Mapping[str, str | Sequence[str] | None], *, limit: int, cursor: str | None
    ) -> Page:
        """A page in the collection's own order; a value of None stands for none."""
        conditions: list[Condition] = [
            Equal(field, value) if value is None or isinstance(value, str) else OneOf(field, value)
            for field, value in where.items()
        ]
        return await self.store.find(collection, conditions, sort=ORDERS[collection], limit=limit, cursor=cursor)

    async def transcript(
        self, where: Mapping[str, str], *, limit: int, cursor: str | None, direction: Direction
    ) -> Page:
        """A page of a conversation's lines, from either end."""
        conditions = [Equal(field, value) for field, value in where.items()]
        return await self.store.find(
            "transcript", conditions, sort=[Sort("seq", direction)], limit=limit, cursor=cursor
        )

    async def write(self, documents: Mapping[Place, Body]) -> None:
        """Write all that are newer than what is stored; the conversation comes last, so that what it says to be
        folded is stored. Raises RetryLater."""
        collections: tuple[Collection, ...] = (
            "transcript", "packets", "notices", "audit", "suggestions", "approvals", "handovers", "queue",
            "conversations",
        )  # fmt: skip
        for collection in collections:
            bodies = {id_: body for (place, id_), body in documents.items() if place == collection}
            for start in range(0, len(bodies), WRITES_MAX):
                await self._write_new(collection, dict(list(bodies.items())[start : start + WRITES_MAX]))

    async def _write_new(self, collection: Collection, bodies: Mapping[str, Body]) -> None:
        """On top of what this process wrote last; what another one wrote meanwhile is compared one by one."""
        known = {id_: self._known.get((collection, id_), NEW) for id_ in bodies}
        newer = {id_: body for id_, body in bodies.items() if known[id_].as_of_seq < _as_of_seq(body)}
        writes = [Write(id_, body, expected_version=known[id_].version) for id_, body in newer.items()]
        outcomes: list[Outcome] = await self.store.put_many(collection, writes)
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Stored):
                self._remember((collection, write.document_id), outcome.version, newer[write.document_id])
            elif isinstance(outcome, VersionConflict) and collection not in WRITTEN_ONCE:
                await self._write_newer(collection, write.document_id, newer[write.document_id])

    async def _write_newer(self, collection: Collection, document_id: str, body: Body) -> None:
        for attempt in range(CONFLICTS_MAX):
            stored = await self.store.get(collection, document_id)
            assert stored is not None, "documents of the inbox are never deleted"
            if _as_of_seq(stored.body) >= _as_of_seq(body):
                return
            try:
                version = await self.store.put(collection, document_id, body, expected_version=stored.version)
                self._remember((collection, document_id), version, body)
                return
            except VersionConflict:
                if attempt == CONFLICTS_MAX - 1:
                    raise

    def _remember(self, place: Place, version: int, body: Body) -> None:
        if place[0] in WRITTEN_ONCE:
            return
        self._known[place] = Known(version, _as_of_seq(body))
        self._known.move_to_end(place)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def _as_of_seq(body: Mapping[str, object]) -> int:
    return int(str(body["as_of_seq"]))
