"""What do all messages have in common: identity, ownership, and the headers that carry them?"""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

NAMESPACE = uuid.UUID("6f1c2e0a-5d0b-5c8e-9a43-2f6f0c1f7b10")
PAYLOAD_BYTES_MAX = 256 * 1024
"""Largest body of a message; larger content goes to the object store and travels by reference (SPEC C6)."""

Pii = Field(json_schema_extra={"pii": True})
"""Marks a field that may hold personal data (ARCHITECTURE 3)."""
PiiText = Annotated[str, Field(json_schema_extra={"pii": True})]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]

Kind = Literal["cmd", "evt"]
Party = Literal["client", "server", "orchestrator", "llm-gateway", "tool-runner", "hil-inbox", "analytics", "desktop"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message type lives and who deals with it.

    `name` is noun.word; an event is owned by its sender, a command by its receiver."""

    kind: Kind
    name: str
    major: int
    owner: Party
    sent_by: tuple[Party, ...]
    read_by: tuple[Party, ...]

    @property
    def type(self) -> str:
        """CloudEvents type, for example `hil.evt.message.received.v1`."""
        return f"hil.{self.kind}.{self.name}.v{self.major}"


class Message(BaseModel):
    """The body of one message. Readers ignore fields that they do not know; within a major version fields are only
    added, with defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64")
    route: ClassVar[Route]


M = TypeVar("M", bound=Message)


class BasedOn(BaseModel):
    """What a decision was made from, so that it can be made again (ARCHITECTURE 1, rule 5)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    inputs: tuple[str, ...] = Field((), description="Ids of the inputs folded since the previous decision, in order.")
    now_ms: int = Field(
        description="Clock of the decision in Unix milliseconds; never before the newest log timestamp folded."
    )
    fence: int = Field(description="Stream sequence of the end of the prefix that was folded.")
    breakers: tuple[str, ...] = Field((), description="Nodes whose open breaker this decision took into account.")
    ai_stop: str | None = Field(None, description="Who had stopped the AI, and why, where this decision obeyed it.")
    experiment: str | None = Field(None, description="The experiment that chose the version of this execution.")


class Decision(Message):
    """A message that the orchestrator decided: a command to a worker, or a fact about the conversation."""

    execution_id: str | None = Field(None, description="None for decisions outside any execution.")
    workflow_hash: str | None = Field(None, description="Content hash of the version that the execution is pinned to.")
    based_on: BasedOn


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose message it is and which one: `id` is derived, `caused_by` is the id of the message that led to it."""

    tenant: str
    key: str
    id: str
    caused_by: str


def derive_message_id(caused_by: str, subject: str, ordinal: int = 0) -> str:
    """The id of the `ordinal`-th message of this type that `caused_by` leads to; the same every time (SPEC C5)."""
    name = f"{caused_by}/{subject}/{ordinal}".encode()
    # As uuid.uuid5 does, in a quarter of the time: version 5, variant of RFC 9562.
    digits = hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def client_message_id(tenant: str, key: str, *, turn_id: str, text: str) -> str:
    """`Nats-Msg-Id` of a customer's message: deduplication is per stream, so tenant and key come first."""
    return f"{tenant}:{key}:{turn_id}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One stored message of a key's log. `message` is None where the body cannot be read (it went to a dead letter,
    or its type is not one that this build knows); `bytes_stored` counts the body. An entry
    that its own writer holds has no log time (0): folds take the time of a decision from the decision."""

    sequence: int
    timestamp_ms: int
    id: str
    message: Message | None
    bytes_stored: int
    traceparent: str | None = None


def headers_for(message: Message, **attributes: str | None) -> dict[str, str]:
    """CloudEvents 1.0 attributes as NATS headers. Keyword names are the attributes `id, source, time, subject,
    causedby`; `traceparent` goes in without prefix, as W3C names it."""
    traceparent = attributes.pop("traceparent", None)
    headers = {"ce-specversion": "1.0", "ce-type": message.route.type, "content-type": "application/json"}
    headers.update({f"ce-{name}": value for name, value in attributes.items() if value is not None})
    return headers if traceparent is None else {**headers, "traceparent": traceparent}


def message_type(
    kind: Kind,
    name: str,
    *,
    owner: Party,
    sent_by: tuple[Party, ...],
    read_by: tuple[Party, ...],
    major: int = 1,
) -> Callable[[type[M]], type[M]]:
    """Class decorator that gives a message type its route."""

    def bind(cls: type[M]) -> type[M]:
        cls.route = Route(kind=kind, name=name, major=major, owner=owner, sent_by=sent_by, read_by=read_by)
        return cls

    return bind
