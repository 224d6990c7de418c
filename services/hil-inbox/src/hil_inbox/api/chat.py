"""What does a customer write, read and rate over HTTP?"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from contracts.conversations import ConversationRated, MessageReceived
from contracts.envelope import Identifier
from hil_inbox.adapters.customer_tokens import Session
from hil_inbox.api.chat_office import ChatOffice, ChatRefused
from hil_inbox.domain.customer_view import CustomerLine
from hil_inbox.handlers.customer_chat import rate

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


def chat_routes(office: ChatOffice) -> APIRouter:
    """Messages and ratings."""
    router = APIRouter(prefix="/v1/chat", tags=["chat"])
    OfCustomer = Annotated[Session, Depends(office.session)]  # noqa: N806 - it is a type

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
