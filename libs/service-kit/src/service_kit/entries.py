"""How is a stored message read and written: headers, id, time, and content too large for a message?"""

import hashlib
from datetime import UTC, datetime

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from contracts.catalogue import UnreadableMessage, read_message
from contracts.envelope import PAYLOAD_BYTES_MAX, Identity, LogEntry, Message, headers_for
from contracts.streams import PAYLOADS_BUCKET
from contracts.subjects import subject_for
from service_kit.errors import RetryLater
from service_kit.telemetry import current_traceparent

PAYLOAD_HEADER = "Hil-Payload"
"""Holds the object name of a body that is in the payloads bucket instead of in the message."""
PAYLOAD_OBJECT_BYTES_MAX = 16 * 1024 * 1024


def entry_id(headers: dict[str, str], sequence: int) -> str:
    """CloudEvents id, else the deduplication id, else the stream sequence: foreign clients may send neither."""
    return headers.get("ce-id") or headers.get("Nats-Msg-Id") or f"sequence:{sequence}"


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
    body = message.model_dump_json(exclude_defaults=True).encode()
    if len(body) > PAYLOAD_BYTES_MAX:
        headers[PAYLOAD_HEADER] = await store_payload(jetstream, body)
        body = b""
    return subject_for(message, identity.tenant, identity.key), body, headers


async def store_payload(jetstream: JetStreamContext, body: bytes) -> str:
    """Keep content under its sha256, at most 16 MiB; the name under which it can be read."""
    assert len(body) <= PAYLOAD_OBJECT_BYTES_MAX, f"{len(body)} bytes are over {PAYLOAD_OBJECT_BYTES_MAX}"
    name = hashlib.sha256(body).hexdigest()
    try:
        bucket = await jetstream.object_store(PAYLOADS_BUCKET)
        await bucket.put(name, body)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"payload store: {error}") from error
    return name


async def load_payload(jetstream: JetStreamContext, name: str) -> bytes:
    """Read content by name; raises UnreadableMessage when it does not exist or does not match its name."""
    try:
        bucket = await jetstream.object_store(PAYLOADS_BUCKET)
        found = await bucket.get(name)
    except nats.js.errors.NotFoundError as error:
        raise UnreadableMessage(f"payload {name[:80]!r} is not in the object store") from error
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"payload store: {error}") from error
    body = found.data or b""
    if hashlib.sha256(body).hexdigest() != name:
        raise UnreadableMessage(f"payload {name[:80]!r} does not match its name")
    return body


async def decode(jetstream: JetStreamContext, *, subject: str, body: bytes, headers: dict[str, str]) -> Message:
    """The message of a stored body or of the payload it refers to; raises UnreadableMessage."""
    name = headers.get(PAYLOAD_HEADER)
    if name is None:
        return read_message(subject, body)
    return read_message(subject, await load_payload(jetstream, name), bytes_max=PAYLOAD_OBJECT_BYTES_MAX)


def entry_of(
    message: Message | None, *, sequence: int, stored_ms: int, body: bytes, headers: dict[str, str]
) -> LogEntry:
    """One entry of a key's log."""
    identity = entry_id(headers, sequence)
    return LogEntry(sequence, stored_ms, identity, message, len(body), headers.get("traceparent"))
