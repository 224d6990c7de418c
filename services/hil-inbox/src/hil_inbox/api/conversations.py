"""Conversations over HTTP: the transcript, and taking over from the AI."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from contracts.handovers import ClaimHandover
from document_store.protocol import Direction
from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import LinesAsked, Nothing, Token
from hil_inbox.api.etags import etag_of_epoch
from hil_inbox.api.office import Office
from hil_inbox.api.principal import Who
from hil_inbox.api.sender import From

SUGGESTIONS_SHOWN = 20


def conversation_routes(office: Office) -> APIRouter:
    """Everything under /v1/conversations but words."""
    router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

    @router.get("/{tenant}/{key}")
    async def read_conversation(
        tenant: Token,
        key: Token,
        who: Who,
        asked: Annotated[LinesAsked, Query()],
    ) -> JSONResponse:
        """Who speaks now, open drafts, and a page of the transcript; complete through the `as_of_seq`."""
        conversation = await office.views.get("conversations", f"{tenant}/{key}")
        if conversation is None or tenant != who.tenant:
            return missing("conversation", f"{tenant}/{key}")
        where = {"tenant": tenant, "key": key}
        direction = Direction.DESCENDING if asked.newest_first else Direction.ASCENDING
        page = await office.views.transcript(where, limit=asked.limit, cursor=asked.cursor, direction=direction)
        drafts = await office.views.find("suggestions", where, limit=SUGGESTIONS_SHOWN, cursor=None)
        return JSONResponse(
            {
                **conversation,
                "etag": etag_of_epoch(conversation["epoch"]),
                "transcript": [document.body for document in page.documents],
                "suggestions": [{"id": draft.id, **draft.body} for draft in drafts.documents],
                "next_cursor": page.next_cursor,
            }
        )

    @router.post("/{tenant}/{key}/claim")
    async def take_over(
        tenant: Token,
        key: Token,
        body: Nothing,
        sender: From,
    ) -> JSONResponse:
        """Claim the conversation, with or without an open handover."""
        epoch, who = sender.epoch, sender.who
        if tenant != who.tenant:
            return missing("conversation", f"{tenant}/{key}")
        command = ClaimHandover(command_id=sender.key, actor_id=who.actor_id, ownership_epoch=epoch)
        return await office.answer(tenant, key, command, current=("conversations", f"{tenant}/{key}"))

    return router
