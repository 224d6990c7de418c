"""What do the routes of the API need, plugged together by app.py?"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi.responses import JSONResponse

from contracts.envelope import Identity, Message
from contracts.handovers import HandoverRefused
from hil_inbox.adapters.tool_descriptions import ToolDescriptions
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.api.answers import answered
from hil_inbox.domain.decide_command import Command
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.principal import Principal
from hil_inbox.domain.read_model import Collection, Place
from hil_inbox.handlers.settle_command import Asked, Desk, Refusals, settle

Publish = Callable[[Message, Identity], Awaitable[int]]
ReadFloor = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Office:
    """`read_floor` says through which stream sequence all documents are surely stored; `undo_ms` how long a reply can
    be taken back."""

    views: ViewStore
    tools: ToolDescriptions
    desk: Desk
    publish: Publish
    read_floor: ReadFloor
    undo_ms: int

    async def own(self, who: Principal, collection: Collection, document_id: str) -> dict[str, object] | None:
        """A document of the principal's own tenant; those of others do not exist."""
        found = await self.views.get(collection, document_id)
        return found if found is not None and found["tenant"] == who.tenant else None

    async def answer(
        self, tenant: str, key: str, command: Command, *, current: Place, seen: Mapping[str, object] | None = None
    ) -> JSONResponse:
        """Answer a command of a person who waits for the answer; a refusal shows the thing as it is now. `seen` is the
        document that it is about, where one was looked up."""
        sequence = 0 if seen is None else int(str(seen["as_of_seq"]))
        asked = Asked(tenant, key, command, command.command_id, Refusals.ANSWERED, sequence)
        stored = await settle(self.desk, asked)
        return await self.refused(stored, tenant, current=current)

    async def refused(self, stored: Stored, tenant: str, *, current: Place) -> JSONResponse:
        """An answer, with the current object where it is a refusal."""
        if not isinstance(stored.fact, HandoverRefused):
            return answered(stored, None)
        found = await self.views.get(*current)
        return answered(stored, found if found is not None and found["tenant"] == tenant else None)

    async def listed(
        self,
        who: Principal,
        collection: Collection,
        where: Mapping[str, str | Sequence[str] | None],
        *,
        limit: int,
        cursor: str | None,
    ) -> JSONResponse:
        """One page of a list of the principal's tenant; it shows at least what the log held at `as_of_seq`."""
        floor = await self.read_floor()
        asked = {field: value for field, value in where.items() if value is not None} | {"tenant": who.tenant}
        page = await self.views.find(collection, asked, limit=limit, cursor=cursor)
        documents = [{"id": document.id, **document.body} for document in page.documents]
        return JSONResponse({collection: documents, "next_cursor": page.next_cursor, "as_of_seq": floor})
