"""Which messages did a service give up on, and how is one given to it again?"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from contracts.streams import DEAD_LETTERS, LOG
from service_kit.connection import Connection
from service_kit.entries import entry_id

OWN_HEADERS = ("Nats-", "Hil-Dead-")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of the dead-letter stream. `body` is None when it is too large to be kept twice: it is in the log,
    at `log_sequence`."""

    sequence: int
    stored: datetime | None
    service: str
    subject: str
    reason: str
    attempts: int
    log_sequence: int
    headers: dict[str, str]
    body: bytes | None


async def dead_letters(connection: Connection) -> AsyncIterator[DeadLetter]:
    """Every dead letter, oldest first."""
    sequence = 0
    while True:
        try:
            found = await connection.jetstream.get_msg(
                DEAD_LETTERS.name, seq=sequence + 1, subject=DEAD_LETTERS.subjects[0], next=True
            )
        except NotFoundError:
            return
        letter = _letter(found)
        sequence = letter.sequence
        yield letter


async def dead_letter(connection: Connection, sequence: int) -> DeadLetter | None:
    """The dead letter of that sequence, with its body wherever that is; None when there is no such letter."""
    try:
        return _letter(await connection.jetstream.get_msg(DEAD_LETTERS.name, seq=sequence))
    except NotFoundError:
        return None


async def body_of(connection: Connection, letter: DeadLetter) -> bytes | None:
    """The original body; None when it was in the log and has been archived since."""
    if letter.body is not None:
        return letter.body
    try:
        return (await connection.jetstream.get_msg(LOG.name, seq=letter.log_sequence)).data or b""
    except NotFoundError:
        return None


async def publish_again(connection: Connection, letter: DeadLetter, body: bytes) -> int:
    """Publish the original message under its own subject and id; its sequence in the log.

    The deduplication id is a new one, else the server would drop the message as a repeat of the first. The id that
    folds go by stays, so what one service has handled and another gave up on is not handled twice by the first."""
    headers = {name: value for name, value in letter.headers.items() if not name.startswith(OWN_HEADERS)}
    headers.setdefault("ce-id", await _original_id(connection, letter))
    headers["Nats-Msg-Id"] = f"replay:{letter.sequence}:{time.time_ns()}"
    return await connection.publish_surely(letter.subject, body, headers=headers)


async def forget(connection: Connection, letter: DeadLetter) -> None:
    """Take a letter off the stream."""
    await connection.jetstream.delete_msg(DEAD_LETTERS.name, letter.sequence)


async def _original_id(connection: Connection, letter: DeadLetter) -> str:
    """The id of a message whose sender gave it none as CloudEvents attribute."""
    try:
        original = await connection.jetstream.get_msg(LOG.name, seq=letter.log_sequence)
    except NotFoundError:
        return entry_id({}, letter.log_sequence)
    return entry_id({str(name): str(value) for name, value in (original.headers or {}).items()}, letter.log_sequence)


def _letter(found: RawStreamMsg) -> DeadLetter:
    headers = {str(name): str(value) for name, value in (found.headers or {}).items()}
    _, _, service, subject = (found.subject or "").split(".", 3)
    return DeadLetter(
        sequence=found.seq or 0,
        stored=found.time,
        service=service,
        subject=subject,
        reason=headers.get("Hil-Dead-Reason", ""),
        attempts=int(headers.get("Hil-Dead-Attempts", "0")),
        log_sequence=int(headers.get("Hil-Dead-Sequence", "0")),
        headers=headers,
        body=None if headers.get("Hil-Dead-Body") == "in-log" else found.data or b"",
    )
