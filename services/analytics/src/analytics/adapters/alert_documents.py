"""How are alerts and silences kept?"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final, cast

from analytics.domain.judge_alerts import AlertState, Phase
from analytics.domain.silences import Silence
from analytics.domain.watched_alert import KeptAlert, WatchedAlert
from document_store import Between, Document, DocumentStore, Equal, Sort, Write, all_pages
from document_store.protocol import Body, Condition

ALERTS, SILENCES = "alerts", "silences"
INDEXES: Sequence[tuple[str, Sequence[str]]] = (
    (ALERTS, ("tenant", "workflow")),
    (SILENCES, ("tenant", "ends_ms")),
    (SILENCES, ("ends_ms",)),
)
PAGE_MAX: Final = 500
SILENCES_MAX: Final = 1_000
"""Of one tenant, that are not over."""
STATE_FIELDS: Final = tuple(one.name for one in fields(AlertState))


@dataclass(frozen=True, slots=True)
class AlertDocuments:
    """States of alerts, and who asked for silence. Calls may raise StoreUnavailable, which is a RetryLater."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for collection, names in INDEXES:
            await self.store.ensure_index(collection, names)

    async def of(self, where: Sequence[Condition] = ()) -> list[KeptAlert]:
        """Alerts of tenants and workflows (all, if there is no condition), withdrawn ones among them."""
        return [KeptAlert(_alert(document.body), document.version) async for document in self._found(ALERTS, where)]

    async def one(self, id_: str) -> WatchedAlert | None:
        """The alert of this id."""
        found = await self.store.get(ALERTS, id_)
        return None if found is None else _alert(found.body)

    async def save(self, alerts: Sequence[KeptAlert]) -> None:
        """Write each if no other replica has meanwhile; one that has judged the same minutes, and said the same."""
        writes = [Write(kept.alert.id, _body(kept.alert), kept.version) for kept in alerts]
        await self.store.put_many(ALERTS, writes)

    async def silences(self, tenant: str, *, now_ms: int) -> dict[str, Silence]:
        """By id, those that are not over."""
        where = (Equal("tenant", tenant), Between("ends_ms", at_least=now_ms + 1))
        page = await self.store.find(SILENCES, where, limit=SILENCES_MAX)
        return {document.id: _silence(document.body) for document in page.documents}

    async def add_silence(self, id_: str, tenant: str, silence: Silence, *, by: str, reason: str) -> None:
        """Raises VersionConflict where the id is taken."""
        body = {**asdict(silence), "tenant": tenant, "by": by, "reason": reason}
        await self.store.put(SILENCES, id_, body, expected_version=0)

    async def silence_bodies(self, tenant: str, *, now_ms: int) -> list[dict[str, object]]:
        """With who asked and why; those that are not over."""
        where = (Equal("tenant", tenant), Between("ends_ms", at_least=now_ms + 1))
        page = await self.store.find(SILENCES, where, limit=SILENCES_MAX)
        return [{"id": document.id, **document.body} for document in page.documents]

    async def end_silence(self, tenant: str, id_: str, *, now_ms: int) -> bool:
        """It is over now; False where the tenant has no such silence. Raises VersionConflict."""
        found = await self.store.get(SILENCES, id_)
        if found is None or found.body["tenant"] != tenant:
            return False
        body = {**found.body, "ends_ms": min(now_ms, cast(int, found.body["ends_ms"]))}
        await self.store.put(SILENCES, id_, body, expected_version=found.version)
        return True

    async def _found(self, collection: str, where: Sequence[Condition]) -> AsyncIterator[Document]:
        async for documents in all_pages(self.store, collection, where, sort=(Sort("workflow"),), size=PAGE_MAX):
            for document in documents:
                yield document


def _body(alert: WatchedAlert) -> Body:
    named = {name: value for name, value in asdict(alert).items() if name != "state"}
    return {**named, **asdict(alert.state), "phase": alert.state.phase.value}


def _alert(body: Mapping[str, object]) -> WatchedAlert:
    """What `_body` wrote."""
    state = {name: body[name] for name in STATE_FIELDS if name != "phase"}
    own = {one.name: body[one.name] for one in fields(WatchedAlert) if one.name != "state"}
    return WatchedAlert(**own, state=AlertState(phase=Phase(cast(str, body["phase"])), **state))  # type: ignore[arg-type]


def _silence(body: Mapping[str, object]) -> Silence:
    return Silence(**{one.name: body[one.name] for one in fields(Silence)})  # type: ignore[arg-type]
