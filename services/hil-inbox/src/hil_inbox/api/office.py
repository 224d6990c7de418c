"""What do the routes of the API need, plugged together by app.py?"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi.responses import JSONResponse

from contracts.envelope import Identity, Message
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.domain.decide_command import Command
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.read_model import Collection
from hil_inbox.handlers.settle_command import Asked, Desk, Refusals, settle

Publish = Callable[[Message, Identity], Awaitable[int]]
ReadFloor = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Office:
    """`read_floor` says through which stream sequence all documents are surely stored."""

    views: ViewStore
    desk: Desk
    publish: Publish
    read_floor: ReadFloor

    async def settle(self, tenant: str, key: str, command: Command) -> Stored:
        """Answer a command of a person who waits for the answer."""
        return await settle(self.desk, Asked(tenant, key, command, command.command_id, Refusals.ANSWERED))

    async def listed(
        self, collection: Collection, where: Mapping[str, str | Sequence[str] | None], *, limit: int, cursor: str | None
    ) -> JSONResponse:
        """One page of a list; it shows at least what the log held at `as_of_seq`."""
        floor = await self.read_floor()
        asked = {field: value for field, value in where.items() if value is not None}
        page = await self.views.find(collection, asked, limit=limit, cursor=cursor)
        documents = [{"id": document.id, **document.body} for document in page.documents]
        return JSONResponse({collection: documents, "next_cursor": page.next_cursor, "as_of_seq": floor})
