"""Commands on a handover over HTTP: claim, release, resolve, return, reply."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from contracts.conversations import SendMessage
from contracts.envelope import Identity, derive_message_id
from contracts.handovers import ClaimHandover, ReleaseHandover, ResolveHandover, ReturnHandover
from hil_inbox.api.answers import answered, missing
from hil_inbox.api.bodies import Actor, IdempotencyKey, ItemId, Reply, Resolution, Return
from hil_inbox.api.office import Office
from hil_inbox.domain.decide_handover import SpeakerCommand, refuse_reply
from hil_inbox.domain.ownership import Stored


def handover_command_routes(office: Office) -> APIRouter:
    """Everything that changes a handover."""
    router = APIRouter(prefix="/v1/handovers", tags=["handovers"])

    @router.post("/{handover_id}/claim")
    async def claim(handover_id: ItemId, body: Actor, idempotency_key: IdempotencyKey) -> JSONResponse:
        fields = body.model_dump() | {"command_id": idempotency_key, "handover_id": handover_id}
        return await settled(office, handover_id, ClaimHandover.model_validate(fields))

    @router.post("/{handover_id}/release")
    async def release(handover_id: ItemId, body: Actor, idempotency_key: IdempotencyKey) -> JSONResponse:
        fields = body.model_dump() | {"command_id": idempotency_key, "handover_id": handover_id}
        return await settled(office, handover_id, ReleaseHandover.model_validate(fields))

    @router.post("/{handover_id}/resolve")
    async def resolve(handover_id: ItemId, body: Resolution, idempotency_key: IdempotencyKey) -> JSONResponse:
        fields = body.model_dump() | {"command_id": idempotency_key, "handover_id": handover_id}
        return await settled(office, handover_id, ResolveHandover.model_validate(fields))

    @router.post("/{handover_id}/return")
    async def give_back(handover_id: ItemId, body: Return, idempotency_key: IdempotencyKey) -> JSONResponse:
        fields = body.model_dump() | {"command_id": idempotency_key, "handover_id": handover_id}
        return await settled(office, handover_id, ReturnHandover.model_validate(fields))

    @router.post("/{handover_id}/reply", status_code=202)
    async def reply(handover_id: ItemId, body: Reply, idempotency_key: IdempotencyKey) -> JSONResponse:
        """Ask the orchestrator to send; it has the last word on the epoch, so the answer is 202."""
        return await send_reply(office, handover_id, body, idempotency_key)

    return router


async def settled(office: Office, handover_id: str, command: SpeakerCommand) -> JSONResponse:
    """Find the conversation, then answer the command."""
    found = await office.views.get("handovers", handover_id)
    if found is None:
        return missing("handover", handover_id)
    return answered(await office.settle(str(found["tenant"]), str(found["key"]), command))


async def send_reply(office: Office, handover_id: str, body: Reply, message_id: str) -> JSONResponse:
    """Publish `message.send` under the epoch that the person saw; refused at once where it is surely stale."""
    found = await office.views.get("handovers", handover_id)
    if found is None:
        return missing("handover", handover_id)
    tenant, key = str(found["tenant"]), str(found["key"])
    state = await office.desk.current(tenant, key)
    refusal = refuse_reply(state, body.actor_id, ownership_epoch=body.ownership_epoch, message_id=message_id)
    if refusal is not None:
        return answered(Stored(refusal, 0))
    message = SendMessage(
        message_id=message_id, text=body.text, author_id=body.actor_id, ownership_epoch=body.ownership_epoch
    )
    id_ = derive_message_id(f"{tenant}/{key}/{message_id}", message.route.type)
    sequence = await office.publish(message, Identity(tenant, key, id_, message_id))
    return JSONResponse({"message_id": message_id, "sequence": sequence}, status_code=202)
