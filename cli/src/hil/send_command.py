"""`hil send` and `hil stop`: speak as a customer, and end what runs for a key."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from contracts.conversations import MessageReceived
from contracts.envelope import PAYLOAD_BYTES_MAX, Identity, derive_message_id
from contracts.executions import StopExecution
from contracts.subjects import SubjectError, check_token
from hil.key_log import read_log, with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input
from hil.turns import Turn, TurnOutcome, send_turn, wait_for_turn
from service_kit.bus import publish
from service_kit.connection import Connection, Refused


def send(
    text: Annotated[str | None, typer.Argument(help="What the customer writes; - reads it from the input.")] = None,
    *,
    conversation: Annotated[str, typer.Option("--conversation", "-c", help="Conversation id.")],
    turn: Annotated[str, typer.Option("--turn", "-t", help="Turn id; one turn is answered once.")],
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Read the text from a file.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    workflow: Annotated[str | None, typer.Option(help="By name; the tenant's route if none.")] = None,
    wait: Annotated[float, typer.Option(min=0, max=86_400, metavar="SECONDS", help="Wait for the outcome.")] = 0.0,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Send a customer's message, and with --wait show what becomes of it.

    Status 0 when it was sent, and with --wait answered or handed to a person; 1 when it was refused or the time was up.
    """
    message = _message(turn, _text(text, file), workflow)
    customers = Turn(_token(tenant, "tenant"), _token(conversation, "conversation"), message)

    async def ask(connection: Connection) -> tuple[int, TurnOutcome]:
        try:
            sequence = await send_turn(connection, customers)
        except Refused as error:
            raise CommandError(f"the bus refuses the message: {error}") from error
        outcome = await wait_for_turn(connection, customers, timeout_seconds=wait) if wait else TurnOutcome()
        return sequence, outcome

    sequence, outcome = with_bus(data_dir, ask)
    found = _described(customers, sequence, outcome, waited=wait)
    print(json.dumps(found, ensure_ascii=False) if as_json else _as_text(found))
    if found["outcome"] in ("refused", "no_outcome"):
        raise typer.Exit(1)


def stop(
    key: Annotated[str, typer.Argument(help="Conversation id, or execution id in standalone mode.")],
    *,
    reason: Annotated[str, typer.Option(help="Kept in the log.")] = "asked",
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """End the running execution of a key at its next decision."""
    try:
        message = StopExecution(reason=reason, asked_by="hil")
    except ValidationError as error:
        raise bad_input(f"--reason: {error.errors()[0]['msg']}") from error

    async def ask(connection: Connection) -> int:
        entries = await read_log(connection, tenant, key)
        # Asked twice of the same state, it is the same message.
        message_id = derive_message_id(f"{tenant}/{key}/{entries[-1].sequence}", "stop")
        return await publish(connection, message, Identity(tenant, key, message_id, message_id))

    sequence = with_bus(data_dir, ask)
    found = {"key": key, "tenant": tenant, "sequence": sequence}
    print(json.dumps(found) if as_json else f"{key} is asked to stop")


def _text(text: str | None, file: Path | None) -> str:
    """The one text that was given, checked; raises CommandError."""
    if (text is None) == (file is None):
        raise bad_input("give the text, or - to read the input, or --file FILE")
    try:
        if file is not None:
            body = file.read_bytes()
        else:
            body = sys.stdin.buffer.read(PAYLOAD_BYTES_MAX + 1) if text == "-" else (text or "").encode()
        if len(body) > PAYLOAD_BYTES_MAX:
            raise bad_input(f"the text is over {PAYLOAD_BYTES_MAX} bytes (256 KiB); send large content by reference")
        return body.decode()
    except UnicodeError as error:
        raise bad_input(f"the text is not UTF-8: {error}") from error


def _message(turn: str, text: str, workflow: str | None) -> MessageReceived:
    try:
        return MessageReceived(turn_id=turn, text=text, workflow=workflow)
    except ValidationError as error:
        first = error.errors()[0]
        raise bad_input(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _token(token: str, what: str) -> str:
    try:
        return check_token(token, what=what)
    except SubjectError as error:
        raise bad_input(str(error)) from error


def _described(turn: Turn, sequence: int, outcome: TurnOutcome, *, waited: float) -> dict[str, object]:
    own = {"conversation": turn.key, "turn": turn.message.turn_id, "tenant": turn.tenant, "id": turn.id}
    finished = outcome.finished
    return {
        **own,
        "sequence": sequence,
        "outcome": _outcome(outcome, waited),
        "messages": [message.text for message in outcome.messages],
        "replayed": any(message.replayed for message in outcome.messages),
        "sink": finished.sink if finished else None,
        "reason": _reason(outcome),
        "handover_id": outcome.handover.handover_id if outcome.handover else None,
        "cost_usd": finished.cost_microdollars / 1e6 if finished else None,
        "latency_ms": finished.finished_ms - finished.started_ms if finished else None,
    }


def _outcome(outcome: TurnOutcome, waited: float) -> str:
    if outcome.refused is not None:
        return "refused"
    if outcome.finished is not None:
        return "answered" if outcome.finished.sink == "FINISH" else "handed_over"
    return "no_outcome" if waited else "sent"


def _reason(outcome: TurnOutcome) -> str | None:
    if outcome.refused is not None:
        return f"{outcome.refused.reason}: {outcome.refused.detail}".removesuffix(": ")
    return outcome.finished.reason if outcome.finished is not None else None


def _as_text(found: dict[str, object]) -> str:
    messages = found["messages"]
    assert isinstance(messages, list), "messages are a list"
    label = " (replayed)" if found["replayed"] else ""
    lines = [f"AI{label}: {message}" for message in messages]
    endings = {
        "sent": f"sent as {found['sequence']}",
        "answered": "",
        "handed_over": f"handed over to a human agent: {found['reason']}",
        "refused": f"refused: {found['reason']}",
        "no_outcome": "no outcome yet; the message is safe and goes on",
    }
    return "\n".join(filter(None, [*lines, endings[str(found["outcome"])]]))
