"""An HTTP request came: which message is it, or what is known of a key?"""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from contracts.conversations import MessageReceived
from contracts.envelope import Identity, Message, client_message_id, derive_message_id
from contracts.executions import StartExecution, StopExecution
from contracts.kpis import KpiRecorded, kpi_message_id
from orchestrator.adapters.storage_watch import StorageWatch
from orchestrator.adapters.workflow_registry import WorkflowRegistry
from orchestrator.api.body import checked, read_body
from orchestrator.domain.fold import fold_all
from orchestrator.domain.state import Conversation
from service_kit.archive import Archive, WholeLog
from service_kit.bus import publish
from service_kit.connection import Connection, Refused
from service_kit.errors import RetryLater
from service_kit.log import Log


class Door:
    """Publishes what a request says, and reads the log of a key."""

    def __init__(self, connection: Connection, archive: Archive, storage: StorageWatch) -> None:
        self._connection = connection
        self._archive = archive
        self._storage = storage

    async def put(self, message: Message, identity: Identity) -> dict[str, Any]:
        """Publish and wait for the bus; 503 when it does not take it, or when storage is nearly full."""
        if not self._storage.has_room:
            raise HTTPException(
                503, f"storage is {self._storage.ratio:.0%} full: no input is taken until there is room"
            )
        try:
            sequence = await publish(self._connection, message, identity)
        except (RetryLater, Refused) as error:
            raise HTTPException(503, f"the bus did not take the message: {error}") from error
        return {"id": identity.id, "as_of_seq": str(sequence)}

    async def folded(self, tenant: str, key: str) -> Conversation:
        """What is known of a key, archive included."""
        try:
            entries = await WholeLog(Log(self._connection), self._archive).read(tenant, key)
        except RetryLater as error:
            raise HTTPException(503, str(error)) from error
        return fold_all(Conversation(tenant, key), entries)


def conversations_api(
    connection: Connection, registry: WorkflowRegistry, archive: Archive, storage: StorageWatch
) -> APIRouter:
    """Routes that each publish one message and answer 202 once the bus has it, and routes that read."""
    door = Door(connection, archive, storage)
    api = APIRouter(prefix="/v1")
    _add_writing(api, door)
    _add_reading(api, door, registry)
    return api


def _add_writing(api: APIRouter, door: Door) -> None:
    @api.post("/conversations/{tenant}/{key}/messages", status_code=202)
    async def receive(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, MessageReceived)
        tenant, key = checked(tenant, "tenant"), checked(key, "conversation")
        identity = client_message_id(tenant, key, turn_id=message.turn_id, text=message.text)
        return await door.put(message, Identity(tenant, key, identity, identity))

    @api.post("/conversations/{tenant}/{key}/kpis", status_code=202)
    async def record(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, KpiRecorded)
        tenant, key = checked(tenant, "tenant"), checked(key, "conversation")
        identity = kpi_message_id(tenant, key, message.kpi_id)
        return await door.put(message, Identity(tenant, key, identity, identity))

    @api.post("/executions/{tenant}/{key}", status_code=202)
    async def start(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, StartExecution)
        tenant, key = checked(tenant, "tenant"), checked(key, "execution")
        identity = derive_message_id(f"{tenant}/{key}", "execution.start")
        return await door.put(message, Identity(tenant, key, identity, identity))

    @api.post("/executions/{tenant}/{key}/stop", status_code=202)
    async def stop(tenant: str, key: str, request: Request) -> dict[str, Any]:
        message = await read_body(request, StopExecution)
        tenant, key = checked(tenant, "tenant"), checked(key, "execution")
        state = await door.folded(tenant, key)
        if state.last_sequence == 0:
            raise unknown(tenant, key)
        identity = derive_message_id(f"{tenant}/{key}/{state.last_sequence}", "stop")
        return await door.put(message, Identity(tenant, key, identity, identity))


def _add_reading(api: APIRouter, door: Door, registry: WorkflowRegistry) -> None:
    @api.get("/conversations/{tenant}/{key}")
    async def show(tenant: str, key: str) -> dict[str, Any]:
        state = await door.folded(checked(tenant, "tenant"), checked(key, "conversation"))
        if state.last_sequence == 0:
            raise unknown(tenant, key)
        return shown(state)

    @api.get("/workflows/{tenant}")
    async def workflows(tenant: str) -> dict[str, Any]:
        named = registry.routes(checked(tenant, "tenant"))
        return {"default": named.get(None), "workflows": {name: h for name, h in named.items() if name is not None}}


def unknown(tenant: str, key: str) -> HTTPException:
    """404: the log holds nothing of this key."""
    return HTTPException(404, f"nothing is known of {tenant}.{key}")


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
