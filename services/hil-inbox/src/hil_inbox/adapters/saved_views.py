"""Which filters of the queue has a person kept under a name?"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from document_store import DocumentStore, VersionConflict

COLLECTION = "saved_views"
VIEWS_MAX = 20
TRIES_MAX = 5


class Filter(BaseModel):
    """What `GET /v1/queue` and `GET /v1/search` take."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    state: str | None = Field(None, max_length=64)
    kind: str | None = Field(None, max_length=64)
    queue: str | None = Field(None, max_length=64)
    owner: str | None = Field(None, max_length=128)
    team: str | None = Field(None, max_length=64)
    q: str | None = Field(None, max_length=200)


class SavedView(BaseModel):
    """A filter with its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(min_length=1, max_length=60)
    filter: Filter = Filter()


class SavedViews(BaseModel):
    """All of a person, in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    views: tuple[SavedView, ...] = Field((), max_length=VIEWS_MAX)


@dataclass(frozen=True, slots=True)
class SavedViewStore:
    """Documents `saved_views`, named `<tenant>/<actor_id>`. They are not in the log."""

    store: DocumentStore

    async def get(self, tenant: str, actor_id: str) -> SavedViews:
        """None kept are none."""
        document = await self.store.get(COLLECTION, f"{tenant}/{actor_id}")
        return SavedViews() if document is None else SavedViews.model_validate(document.body)

    async def put(self, tenant: str, actor_id: str, views: SavedViews) -> None:
        """Keep these instead of what was kept. Raises VersionConflict when it is written all the time."""
        id_, body = f"{tenant}/{actor_id}", views.model_dump(mode="json")
        for attempt in range(TRIES_MAX):
            known = await self.store.get(COLLECTION, id_)
            try:
                await self.store.put(COLLECTION, id_, body, expected_version=known.version if known else 0)
                return
            except VersionConflict:
                if attempt == TRIES_MAX - 1:
                    raise
