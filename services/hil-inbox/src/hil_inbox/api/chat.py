"""The customer's side over HTTP: sessions, messages, the feed, a rating."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from contracts.conversations import ConversationRated, MessageReceived
from contracts.envelope import Identifier
from hil_inbox.adapters.customer_tokens import Session, TokenRefused, is_session
from hil_inbox.api.chat_office import ChatOffice, ChatRefused, bearer
from hil_inbox.domain.customer_view import CustomerLine
from hil_inbox.handlers.customer_chat import Event, follow, rate

TEXT_MAX = 8_000
Sequence = Annotated[int, Query(ge=0, le=2**53)]


class Written(BaseModel):
    """What a customer writes. Files are not taken here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    turn_id: Identifier = Field(description="Chosen by the caller; send a message again with the same one.")
    text: str = Field(min_length=1, max_length=TEXT_MAX, pattern=r"\S")
    locale: str | None = Field(None, max_length=35, pattern=r"^[A-Za-z0-9-]+$")


class Rating(BaseModel):
    """1 is bad, 5 is good."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rating: int = Field(ge=1, le=5, strict=True)
    comment: str = Field("", max_length=2_000)


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


def chat_routes(office: ChatOffice) -> APIRouter:
    """Everything under /v1/chat."""
    router = APIRouter(prefix="/v1/chat", tags=["chat"])
    OfCustomer = Annotated[Session, Depends(office.session)]  # noqa: N806 - it is a type

    @router.post("/sessions", status_code=201)
    async def start(request: Request) -> JSONResponse:
        """A session: for a customer's token, for an anonymous session token that is renewed, or for a stranger."""
        office.limit(office.rates.sessions, office.address(request), "sessions of one address")
        session = started(office, bearer(request))
        body = {
            "session_token": office.tokens.sign(session),
            "expires_s": session.exp,
            "tenant": session.tenant,
            "conversation": session.key,
            "name": session.name,
        }
        return JSONResponse(body, status_code=201, headers={"Cache-Control": "no-store"})

    @router.post("/messages", status_code=202)
    async def write(request: Request, body: Written, session: OfCustomer) -> JSONResponse:
        """Take a message into the log. The answer comes by the feed."""
        office.limit(office.rates.messages, session.key, "messages of one conversation")
        office.limit(office.rates.messages_of_address, office.address(request), "messages of one address")
        message = MessageReceived(
            turn_id=body.turn_id,
            text=body.text,
            locale=body.locale,
            entity=session.entity,
            workflow=office.workflow,
            metadata={"channel": "web", **({"customer_name": session.name} if session.name else {})},
        )
        sequence = await office.desk.write(session.tenant, session.key, message)
        return JSONResponse({"turn_id": body.turn_id, "seq": sequence}, status_code=202)

    @router.get("/messages")
    async def read(session: OfCustomer, after: Sequence = 0, before: Sequence = 2**53) -> JSONResponse:
        """The newest 200 messages between two sequences, oldest first; complete through `as_of_seq`."""
        office.limit(office.rates.others, session.key, "requests of one conversation")
        caught = await office.desk.caught_up(session.tenant, session.key, after=after, before=before)
        lines = [line for line in caught.lines if isinstance(line, CustomerLine)]
        body = {
            "messages": [await office.desk.shown(session.tenant, line) for line in lines],
            "has_earlier": caught.has_earlier,
            "status": await office.desk.status(session.tenant, caught.standing),
            "as_of_seq": caught.standing.sequence,
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    @router.get("/feed")
    async def feed(
        session: OfCustomer,
        after: Sequence = 0,
        last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,16}$")] = None,
    ) -> FeedResponse:
        """Server-sent events after a sequence; after `Last-Event-ID` where that is given."""
        office.limit(office.rates.others, session.key, "requests of one conversation")
        office.places.take(session)
        return FeedResponse(office, session, after if last_event_id is None else int(last_event_id))

    @router.post("/rating", status_code=202)
    async def take_rating(body: Rating, session: OfCustomer) -> JSONResponse:
        """Of what a person ended last; the first one counts."""
        office.limit(office.rates.others, session.key, "requests of one conversation")
        rating = ConversationRated(rating=body.rating, comment=body.comment)
        problem = await rate(office.desk, session.tenant, session.key, rating)
        if problem is not None:
            raise ChatRefused(409, problem, PROBLEMS[problem])
        return JSONResponse({"rating": body.rating}, status_code=202)

    return router


PROBLEMS = {
    "not_asked": "no person has ended anything in this conversation yet",
    "already_rated": "it was rated before; the first rating counts",
}


def started(office: ChatOffice, token: str | None) -> Session:
    """The session that a caller with this token gets. Raises ChatRefused."""
    now_s = int(time.time())
    if token is None:
        if not office.lets_strangers_in:
            raise ChatRefused(401, "no_token", "anonymous sessions are switched off; send a signed customer token")
        return office.tokens.stranger(now_s=now_s)
    try:
        if is_session(token):
            return office.tokens.renewed(office.tokens.session(token, now_s=now_s), now_s=now_s)
        return office.tokens.known(token, now_s=now_s)
    except TokenRefused as refused:
        raise ChatRefused(401, "invalid_token", f"the token: {refused}") from refused


async def _frames(office: ChatOffice, session: Session, after: int) -> AsyncIterator[bytes]:
    async with aclosing(follow(office.desk, session.tenant, session.key, after=after, stop=office.stop)) as events:  # type: ignore[type-var]
        async for event in events:
            yield _frame(event)


def _frame(event: Event) -> bytes:
    """JSON has no line breaks, so one data line is enough."""
    id_ = b"" if event.sequence is None else b"id: %d\n" % event.sequence
    return id_ + b"event: %s\ndata: %s\n\n" % (event.name.encode(), orjson.dumps(event.body))
