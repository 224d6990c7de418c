"""How is a stored message read and written: headers, id, time, and content too large for a message?"""

import hashlib
from datetime import UTC, datetime

from nats.js import JetStreamContext

from contracts.catalogue import UnreadableMessage, read_message
from contracts.envelope import PAYLOAD_BYTES_MAX, Identity, LogEntry, Message, headers_for
from contracts.streams import PAYLOADS_BUCKET
from contracts.subjects import subject_for
from service_kit.objects import load_object, store_object
from service_kit.telemetry import current_traceparent, received_traceparent

PAYLOAD_HEADER = "Hil-Payload"
"""Holds the object name of a body that is in the payloads bucket instead of in the message."""
ID_LENGTH_MAX = 512
PAYLOAD_OBJECT_BYTES_MAX = 16 * 1024 * 1024


def entry_id(headers: dict[str, str], sequence: int) -> str:
    """CloudEvents id, else the deduplication id, else the stream sequence: foreign clients may send neither. A long one
    is shortened to its hash, since decisions name the ids of what they are based on."""
    found = headers.get("ce-id") or headers.get("Nats-Msg-Id") or f"sequence:{sequence}"
    return found if len(found) <= ID_LENGTH_MAX else f"sha256:{hashlib.sha256(found.encode()).hexdigest()}"


def timestamp_ms(header: str) -> int:
    """Unix milliseconds of the server's RFC 3339 timestamp, which has nanoseconds."""
    whole, _, fraction = header.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1000 + int((fraction + "000")[:3])


async def encode(
    message: Message, identity: Identity, *, jetstream: JetStreamContext, service: str
) -> tuple[str, bytes, dict[str, str]]:
    """(subject, body, headers) of a message to publish. A body over the limit is stored first, and referred to."""
    headers = headers_for(
        message,
        id=identity.id,
        source=f"/hil/{service}",
        subject=identity.key,
        causedby=identity.caused_by,
        traceparent=current_traceparent(),
    )
    body = body_of(message)
    if len(body) > PAYLOAD_BYTES_MAX:
        headers[PAYLOAD_HEADER] = await store_payload(jetstream, body)
        body = b""
    return subject_for(message, identity.tenant, identity.key), body, headers


def body_of(message: Message) -> bytes:
    """A message as JSON, whole."""
    return message.model_dump_json(exclude_defaults=True).encode()


async def store_payload(jetstream: JetStreamContext, body: bytes) -> str:
    """Keep content under its sha256, at most 16 MiB; the name under which it can be read."""
    assert len(body) <= PAYLOAD_OBJECT_BYTES_MAX, f"{len(body)} bytes are over {PAYLOAD_OBJECT_BYTES_MAX}"
    name = hashlib.sha256(body).hexdigest()
    await store_object(jetstream, PAYLOADS_BUCKET, name, body)
    return name


async def whole_body(jetstream: JetStreamContext, body: bytes, headers: dict[str, str]) -> bytes:
    """A stored body, or the content that it refers to. Raises UnreadableMessage when that does not exist, does not
    match its name or is over 16 MiB, RetryLater when it cannot be read now."""
    name = headers.get(PAYLOAD_HEADER)
    if name is None:
        return body
    found = await load_object(jetstream, PAYLOADS_BUCKET, name, bytes_max=PAYLOAD_OBJECT_BYTES_MAX)
    if found is None:
        raise UnreadableMessage(f"payload {name[:80]!r} is not in the object store, or larger than it may be")
    if hashlib.sha256(found).hexdigest() != name:
        raise UnreadableMessage(f"payload {name[:80]!r} does not match its name")
    return found


def decode(subject: str, body: bytes, headers: dict[str, str]) -> Message:
    """The message of a whole body; raises UnreadableMessage. What is not by reference is small."""
    bytes_max = PAYLOAD_BYTES_MAX if headers.get(PAYLOAD_HEADER) is None else PAYLOAD_OBJECT_BYTES_MAX
    return read_message(subject, body, bytes_max=bytes_max)


def entry_of(
    message: Message | None, *, sequence: int, stored_ms: int, body: bytes, headers: dict[str, str]
) -> LogEntry:
    """One entry of a key's log; `body` is the whole one, also of content by reference. What cannot be read is known by
    its place only: its sender may repair it and send it again under the same id."""
    identity = entry_id(headers, sequence) if message is not None else f"sequence:{sequence}"
    return LogEntry(sequence, stored_ms, identity, message, len(body), received_traceparent(headers.get("traceparent")))


async def read_entry(
    jetstream: JetStreamContext, subject: str, body: bytes, headers: dict[str, str], *, sequence: int, stored_ms: int
) -> LogEntry:
    """An entry of what is stored. Raises RetryLater when content by reference cannot be read now."""
    message: Message | None = None
    try:
        body = await whole_body(jetstream, body, headers)
        message = decode(subject, body, headers)
    except UnreadableMessage:
        pass  # Its consumer wrote the dead letter; the log goes on without it.
    return entry_of(message, sequence=sequence, stored_ms=stored_ms, body=body, headers=headers)
