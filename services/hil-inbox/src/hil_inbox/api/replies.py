"""What people say over HTTP: replies, taking them back, notes, drafts."""

from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from contracts.conversations import SendMessage, UnsendMessage
from contracts.envelope import Identity, Message, derive_message_id
from contracts.handovers import HandoverRefused
from contracts.notes import AddNote
from contracts.suggestions import RequestSuggestion, SettleSuggestion
from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import Draft, ItemId, Note, Nothing, Reply, Settlement, Token
from hil_inbox.api.office import Office
from hil_inbox.api.principal import Who
from hil_inbox.api.sender import From
from hil_inbox.domain.decide_handover import refuse_reply
from hil_inbox.domain.ownership import Stored
from hil_inbox.domain.principal import Principal


def reply_routes(office: Office) -> APIRouter:
    """Words, and what becomes of them."""
    router = APIRouter(prefix="/v1", tags=["replies"])
    _add_replies(router, office)
    _add_notes(router, office)
    return router


def _add_replies(router: APIRouter, office: Office) -> None:
    @router.post("/handovers/{handover_id}/reply", status_code=202)
    async def reply(handover_id: ItemId, body: Reply, sender: From) -> JSONResponse:
        """Ask the orchestrator to send it, after the time in which it can be taken back (`hold_ms` of the answer). That
        has the last word on the epoch, so the answer is 202; the key is the message's id."""
        epoch, who, key = sender.epoch, sender.who, sender.key
        found = await office.own(who, "handovers", handover_id)
        if found is None:
            return missing("handover", handover_id)
        conversation = str(found["key"])
        refusal = await _refusal(office, who, found, epoch=epoch, message_id=key)
        if refusal is not None:
            return await office.refused(Stored(refusal, 0), who.tenant, current=("handovers", handover_id))
        message = SendMessage(
            message_id=key,
            text=body.text,
            author_id=who.actor_id,
            ownership_epoch=epoch,
            hold_ms=office.undo_ms,
            suggestion_id=body.suggestion_id,
        )
        return await _published(office, message, (who.tenant, conversation, key), hold_ms=office.undo_ms)

    @router.post("/handovers/{handover_id}/replies/{message_id}/undo", status_code=202)
    async def undo(handover_id: ItemId, message_id: ItemId, body: Nothing, who: Who) -> JSONResponse:
        """Take a reply back that is still held; what was sent stays. The log says which (message.suppressed)."""
        found = await office.own(who, "handovers", handover_id)
        if found is None:
            return missing("handover", handover_id)
        message = UnsendMessage(message_id=message_id, author_id=who.actor_id)
        return await _published(office, message, (who.tenant, str(found["key"]), message_id))

    @router.post("/handovers/{handover_id}/suggest", status_code=202)
    async def suggest(handover_id: ItemId, body: Draft, sender: From) -> JSONResponse:
        """Ask the AI for a draft; it comes with the feed, under this key as its id."""
        epoch, who, key = sender.epoch, sender.who, sender.key
        found = await office.own(who, "handovers", handover_id)
        if found is None:
            return missing("handover", handover_id)
        message = RequestSuggestion(
            suggestion_id=key, actor_id=who.actor_id, ownership_epoch=epoch, instruction=body.instruction
        )
        return await _published(office, message, (who.tenant, str(found["key"]), key))


def _add_notes(router: APIRouter, office: Office) -> None:
    @router.post("/conversations/{tenant}/{key}/notes")
    async def note(tenant: Token, key: Token, body: Note, sender: From) -> JSONResponse:
        """For other people; the customer and the AI never see it."""
        if tenant != sender.who.tenant:
            return missing("conversation", f"{tenant}/{key}")
        command = AddNote(command_id=sender.key, actor_id=sender.who.actor_id, text=body.text)
        return await office.answer(tenant, key, command, current=("conversations", f"{tenant}/{key}"))

    @router.post("/suggestions/{suggestion_id}/settle")
    async def settle(suggestion_id: ItemId, body: Settlement, sender: From) -> JSONResponse:
        """Dismiss a draft; one that becomes a reply is settled by the reply."""
        who = sender.who
        found = await office.own(who, "suggestions", suggestion_id)
        if found is None:
            return missing("suggestion", suggestion_id)
        fields = {
            **body.model_dump(),
            "command_id": sender.key,
            "suggestion_id": suggestion_id,
            "actor_id": who.actor_id,
        }
        command = SettleSuggestion.model_validate(fields)
        return await office.answer(
            who.tenant, str(found["key"]), command, current=("suggestions", suggestion_id), seen=found
        )


async def _refusal(
    office: Office, who: Principal, handover: Mapping[str, object], *, epoch: int, message_id: str
) -> HandoverRefused | None:
    """Why a reply cannot be sent; None also for one that was asked for before."""
    key = str(handover["key"])
    state = await office.desk.known(who.tenant, key, through=int(str(handover["as_of_seq"])))
    if refuse_reply(state, who.actor_id, ownership_epoch=epoch, message_id=message_id) is None:
        return None  # Should it be wrong by now, the orchestrator keeps the reply back.
    state = await office.desk.newest(who.tenant, key)
    if message_id in state.replies or message_id in state.decided_replies:
        return None
    return refuse_reply(state, who.actor_id, ownership_epoch=epoch, message_id=message_id)


async def _published(office: Office, message: Message, whose: tuple[str, str, str], **more: int) -> JSONResponse:
    tenant, key, name = whose
    id_ = derive_message_id(f"{tenant}/{key}/{name}", message.route.type)
    sequence = await office.publish(message, Identity(tenant, key, id_, name))
    return JSONResponse({"message_id": name, "sequence": sequence, **more}, status_code=202)
