"""How are failure patterns kept, and up to which minute were they looked for?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final, cast

from analytics.domain.failure_patterns import Pattern, Place
from document_store import DocumentStore, Equal, OneOf, Page, Sort, VersionConflict
from document_store.limits import ONE_OF_MAX
from document_store.protocol import DOCUMENT_ID, Body, Condition, Direction

PATTERNS, MARKS = "patterns", "marks"
MARK: Final = "patterns"
OPEN_MAX: Final = 1_000
NEW: Final = Pattern()


@dataclass(frozen=True, slots=True)
class KeptPattern:
    """A pattern as it is stored; version 0 is not stored yet. `examples` are keys of executions."""

    place: Place
    pattern: Pattern = NEW
    examples: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class PatternDocuments:
    """One document for each place that ever had a pattern. Calls may raise StoreUnavailable, which is a RetryLater."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for names in (("is_open", "tenant", "opened_ms"), ("tenant", "workflow", "opened_ms"), ("opened_ms",)):
            await self.store.ensure_index(PATTERNS, names)

    async def known(self, places: Iterable[Place]) -> dict[Place, KeptPattern]:
        """Those of the places that were ever found, and all that are open."""
        page = await self.store.find(PATTERNS, (Equal("is_open", value=True),), limit=OPEN_MAX)
        found = list(page.documents)
        ids = sorted(_id(place) for place in places)
        for start in range(0, len(ids), ONE_OF_MAX):
            asked = OneOf(DOCUMENT_ID, ids[start : start + ONE_OF_MAX])
            found += (await self.store.find(PATTERNS, (asked,), limit=ONE_OF_MAX)).documents
        kept = (_kept(document.body, document.version) for document in found)
        return {one.place: one for one in kept}

    async def save(self, kept: KeptPattern) -> None:
        """Write it unless another replica has meanwhile, which has judged the same minute."""
        body = _body(kept)
        try:
            await self.store.put(PATTERNS, _id(kept.place), body, expected_version=kept.version)
        except VersionConflict:
            return

    async def judged_ms(self) -> int:
        """The end of the last minute that was looked at; 0 for none."""
        mark = await self.store.get(MARKS, MARK)
        return 0 if mark is None else cast(int, mark.body["judged_ms"])

    async def mark(self, judged_ms: int) -> None:
        """Remember that this minute was looked at; never back."""
        mark = await self.store.get(MARKS, MARK)
        if mark is None or cast(int, mark.body["judged_ms"]) < judged_ms:
            version = 0 if mark is None else mark.version
            try:
                await self.store.put(MARKS, MARK, {"judged_ms": judged_ms}, expected_version=version)
            except VersionConflict:
                return

    async def page(self, where: Sequence[Condition], *, limit: int, cursor: str | None) -> Page:
        """The newest first."""
        newest = (Sort("opened_ms", Direction.DESCENDING),)
        return await self.store.find(PATTERNS, where, sort=newest, limit=limit, cursor=cursor)


def _id(place: Place) -> str:
    return "/".join((place.tenant, place.workflow, place.node, place.error_class))


def _body(kept: KeptPattern) -> Body:
    return {
        **asdict(kept.place),
        **asdict(kept.pattern),
        "examples": list(kept.examples),
        "is_open": kept.pattern.is_open,
    }


def _kept(body: Mapping[str, object], version: int) -> KeptPattern:
    """What `_body` wrote."""
    place = Place(**{one.name: body[one.name] for one in fields(Place)})  # type: ignore[arg-type]
    pattern = Pattern(**{one.name: body[one.name] for one in fields(Pattern)})  # type: ignore[arg-type]
    return KeptPattern(place, pattern, tuple(cast(list[str], body["examples"])), version)
