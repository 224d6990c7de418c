"""An HTTP request came: which message is it, or what is known of a key?"""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from contracts.conversations import MessageReceived
from contracts.envelope import Identity, Message, client_message_id, derive_message_id
from contracts.executions import StartExecution, StopExecution
from orchestrator.adapters.archive import Archive
from orchestrator.adapters.workflow_registry import WorkflowRegistry
from orchestrator.api.body import checked, read_body
from orchestrator.domain.fold import fold_all
from orchestrator.domain.state import Conversation
from service_kit.bus import publish
from service_kit.connection import Connection, Refused
from service_kit.errors import RetryLater
from service_kit.log import Log


def conversations_api(connection: Connection, registry: WorkflowRegistry, archive: Archive) -> APIRouter:
    """Routes that each publish one message and answer 202 once the bus has it, and one that reads a log."""
    api = APIRouter(prefix="/v1")

    async def put(message: Message, tenant: str, key: str, *, id: str) -> dict[str, Any]:
        try:
            sequence = await publish(connection, message, Identity(tenant, key, id, id))
        except (RetryLater, Refused) as error:
            raise HTTPException(503, f"the bus did not take the message: {error}") from error
        return {"id": id, "as_of_seq": str(sequence)}

    @api.post("/conversations/{tenant}/{key}/messages", status_code=202)
    async def receive(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, MessageReceived)
        tenant, key = checked(tenant, "tenant"), checked(key, "conversation")
        identity = client_message_id(tenant, key, turn_id=message.turn_id, text=message.text)
        return await put(message, tenant, key, id=identity)

    @api.post("/executions/{tenant}/{key}", status_code=202)
    async def start(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, StartExecution)
        tenant, key = checked(tenant, "tenant"), checked(key, "execution")
        return await put(message, tenant, key, id=derive_message_id(f"{tenant}/{key}", "execution.start"))

    @api.post("/executions/{tenant}/{key}/stop", status_code=202)
    async def stop(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, StopExecution)
        tenant, key = checked(tenant, "tenant"), checked(key, "execution")
        state = await folded(tenant, key)
        return await put(message, tenant, key, id=derive_message_id(f"{tenant}/{key}/{state.last_sequence}", "stop"))

    @api.get("/conversations/{tenant}/{key}")
    async def show(tenant: str, key: str) -> dict[str, Any]:
        state = await folded(checked(tenant, "tenant"), checked(key, "conversation"))
        if state.last_sequence == 0:
            raise HTTPException(404, f"nothing is known of {tenant}.{key}")
        return shown(state)

    @api.get("/workflows/{tenant}")
    async def workflows(tenant: str) -> dict[str, Any]:
        named = registry.routes(checked(tenant, "tenant"))
        return {"default": named.get(None), "workflows": {name: h for name, h in named.items() if name is not None}}

    async def folded(tenant: str, key: str) -> Conversation:
        try:
            live = await Log(connection).read(tenant, key)
            archived = await archive.load(tenant, key)
        except RetryLater as error:
            raise HTTPException(503, str(error)) from error
        kept = {entry.sequence for entry in archived}
        entries = [*archived, *(entry for entry in live if entry.sequence not in kept)]
        return fold_all(Conversation(tenant, key), entries)

    return api


def shown(state: Conversation) -> dict[str, Any]:
    """What a client application may know of a conversation."""
    lines = sorted(state.transcript, key=lambda line: line.sequence)
    return {
        "tenant": state.tenant,
        "key": state.key,
        "status": state.status,
        "owner": state.owner,
        "ownership_epoch": state.ownership_epoch,
        "open_handover": state.open_handover,
        "turns": [{"id": name, "answered": name in state.answered} for name in state.turns],
        "transcript": [
            {"id": line.id, "author": line.author, "text": line.text, "at_ms": line.at_ms} for line in lines
        ],
        "as_of_seq": str(state.last_sequence),
    }
