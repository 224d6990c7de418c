"""Commands on a handover over HTTP: claim, release, resolve, return, pass on, put aside."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from contracts.handover_clocks import OverrideHandover, SnoozeHandover, TransferHandover, WakeHandover
from contracts.handovers import ClaimHandover, ReleaseHandover, ResolveHandover, ReturnHandover
from hil_inbox.api.answers import missing
from hil_inbox.api.bodies import ItemId, Nothing, Override, Resolution, Return, Snooze, Transfer
from hil_inbox.api.office import Office
from hil_inbox.api.sender import From, FromSupervisor, Sender

OnHandover = (
    ClaimHandover
    | ReleaseHandover
    | ResolveHandover
    | ReturnHandover
    | TransferHandover
    | OverrideHandover
    | SnoozeHandover
    | WakeHandover
)


def handover_command_routes(office: Office) -> APIRouter:
    """Everything that changes who deals with a handover, and when."""
    router = APIRouter(prefix="/v1/handovers", tags=["handovers"])
    _add_speaking(router, office)
    _add_moving(router, office)
    return router


def _add_speaking(router: APIRouter, office: Office) -> None:
    @router.post("/{handover_id}/claim")
    async def claim(handover_id: ItemId, body: Nothing, sender: From) -> JSONResponse:
        """Of several one wins; the others are told who and since when."""
        return await _settled(office, ClaimHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/release")
    async def release(handover_id: ItemId, body: Nothing, sender: From) -> JSONResponse:
        """Back into its queue."""
        return await _settled(office, ReleaseHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/resolve")
    async def resolve(handover_id: ItemId, body: Resolution, sender: From) -> JSONResponse:
        """The matter is finished. Own replies that are still held are sent before."""
        return await _settled(office, ResolveHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/return")
    async def give_back(handover_id: ItemId, body: Return, sender: From) -> JSONResponse:
        """The AI goes on, with what the person did, found and promised."""
        return await _settled(office, ReturnHandover, handover_id, body=body, sender=sender)


def _add_moving(router: APIRouter, office: Office) -> None:
    @router.post("/{handover_id}/transfer")
    async def transfer(handover_id: ItemId, body: Transfer, sender: From) -> JSONResponse:
        """The owner passes it on to an agent, a queue or a team."""
        return await _settled(office, TransferHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/override")
    async def override(handover_id: ItemId, body: Override, sender: FromSupervisor) -> JSONResponse:
        """A supervisor takes it from whoever has it."""
        return await _settled(office, OverrideHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/snooze")
    async def snooze(handover_id: ItemId, body: Snooze, sender: From) -> JSONResponse:
        """Put aside until a time, or until the customer writes."""
        return await _settled(office, SnoozeHandover, handover_id, body=body, sender=sender)

    @router.post("/{handover_id}/wake")
    async def wake(handover_id: ItemId, body: Nothing, sender: From) -> JSONResponse:
        """Go on with it now."""
        return await _settled(office, WakeHandover, handover_id, body=body, sender=sender)


async def _settled(
    office: Office, kind: type[OnHandover], handover_id: str, *, body: Nothing, sender: Sender
) -> JSONResponse:
    """Find the conversation, then answer the command."""
    epoch, who = sender.epoch, sender.who
    found = await office.own(who, "handovers", handover_id)
    if found is None:
        return missing("handover", handover_id)
    fields = {
        **body.model_dump(),
        "command_id": sender.key,
        "handover_id": handover_id,
        "actor_id": who.actor_id,
        "ownership_epoch": epoch,
    }
    command = kind.model_validate(fields)
    return await office.answer(who.tenant, str(found["key"]), command, current=("handovers", handover_id), seen=found)
