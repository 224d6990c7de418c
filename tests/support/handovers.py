"""Messages around handovers and approvals, as the orchestrator decides them."""

from contracts.envelope import BasedOn, Identity, Message, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverPacket, OpenApproval, OpenHandover
from service_kit.bus import publish
from service_kit.connection import Connection
from tests.support.kit import TENANT

BASED = BasedOn(now_ms=1, fence=0)
FAR_MS = 4_000_000_000_000


def opened(handover_id: str, **fields: object) -> OpenHandover:
    """A handover that the customer asked for."""
    packet = HandoverPacket(reason="customer_request", ask="a person, please")
    body = {"handover_id": handover_id, "reason": "customer_request", "packet": packet, "based_on": BASED, **fields}
    return OpenHandover.model_validate(body)


def asked(approval_id: str, **fields: object) -> OpenApproval:
    """A tool call that waits for a verdict."""
    body = {
        "approval_id": approval_id,
        "execution_id": "x1",
        "kind": "tool_call",
        "node": "refund",
        "ask": "refund 49.00 EUR?",
        "tool": "shop.refund",
        "arguments": {"cents": 4900},
        "expires_ms": FAR_MS,
        "based_on": BASED,
        **fields,
    }
    return OpenApproval.model_validate(body)


def ended(execution_id: str = "x1", **fields: object) -> ExecutionFinished:
    """An execution that finished by itself."""
    body = {
        "execution_id": execution_id,
        "sink": "FINISH",
        "success": True,
        "mode": "conversation",
        "workflow": "support",
        "version": "1",
        "started_ms": 1_000,
        "finished_ms": 2_000,
        "based_on": BASED,
        **fields,
    }
    return ExecutionFinished.model_validate(body)


async def put(connection: Connection, message: Message, key: str, *, name: str = "", tenant: str = TENANT) -> int:
    """Publish with an id derived from key, type and name; its sequence."""
    id_ = derive_message_id(f"{tenant}/{key}/{name}", message.route.type)
    return await publish(connection, message, Identity(tenant, key, id_, "cause"))
