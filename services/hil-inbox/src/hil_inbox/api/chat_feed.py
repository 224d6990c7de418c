"""How does a customer hear what happens, as it happens?"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hil_inbox.adapters.customer_tokens import Session
from hil_inbox.api.chat_office import ChatOffice
from hil_inbox.handlers.customer_chat import Event, follow


class FeedResponse(StreamingResponse):
    """Server-sent events; its place is given back however it ends."""

    def __init__(self, office: ChatOffice, session: Session, after: int) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self._office, self._session = office, session
        super().__init__(_frames(office, session, after), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Until the customer or the service ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._office.places.give_back(self._session)
            await self.body_iterator.aclose()  # type: ignore[attr-defined] # It is the generator given above.


def chat_feed_routes(office: ChatOffice) -> APIRouter:
    """Server-sent events, and that the customer is typing."""
    router = APIRouter(prefix="/v1/chat", tags=["chat"])
    OfCustomer = Annotated[Session, Depends(office.session)]  # noqa: N806 - it is a type

    @router.get("/feed")
    async def feed(
        session: OfCustomer,
        after: Annotated[int, Query(ge=0, le=2**53)] = 0,
        last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,16}$")] = None,
    ) -> FeedResponse:
        """Server-sent events after a sequence; after `Last-Event-ID` where that is given."""
        office.limit(office.rates.others, session.key, "requests of one conversation")
        office.places.take(session)
        return FeedResponse(office, session, after if last_event_id is None else int(last_event_id))

    @router.post("/typing", status_code=204)
    async def typing(session: OfCustomer) -> Response:
        """Tell the desks that the customer is typing; not stored, and lost if nobody listens."""
        office.limit(office.rates.others, session.key, "requests of one conversation")
        await office.desk.wakes.tell_typing(session.tenant, session.key)
        return Response(status_code=204)

    return router


async def _frames(office: ChatOffice, session: Session, after: int) -> AsyncIterator[bytes]:
    async with aclosing(follow(office.desk, session.tenant, session.key, after=after, stop=office.stop)) as events:  # type: ignore[type-var]
        async for event in events:
            yield _frame(event)


def _frame(event: Event) -> bytes:
    """JSON has no line breaks, so one data line is enough."""
    id_ = b"" if event.sequence is None else b"id: %d\n" % event.sequence
    return id_ + b"event: %s\ndata: %s\n\n" % (event.name.encode(), orjson.dumps(event.body))
