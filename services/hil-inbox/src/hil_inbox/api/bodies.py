"""What may the body and the header of a request hold?"""

from typing import Annotated, Literal

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.conversations import TEXT_CHARACTERS_MAX
from contracts.envelope import Identifier
from contracts.handovers import ShortText, Verdict
from contracts.notes import NOTE_CHARACTERS_MAX

IdempotencyKey = Annotated[
    str,
    Header(min_length=1, max_length=128, description="Chosen by the caller; the same key has one effect."),
]
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
ItemId = Annotated[str, Path(min_length=1, max_length=128)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=8_192)]
Place = Annotated[str, Field(min_length=1, max_length=64)]
Milliseconds = Annotated[int, Field(ge=0, le=2**53)]


class LinesAsked(BaseModel):
    """Which page of a transcript."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    limit: int = Field(100, ge=1, le=200)
    cursor: str | None = Field(None, max_length=8_192)
    newest_first: bool = False


class Nothing(BaseModel):
    """A command that needs no words. Who acts comes from the credentials, what was seen from If-Match."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Resolution(Nothing):
    resolution: str = Field("", max_length=2_000)


class Return(Nothing):
    """What the AI needs to know to go on."""

    outcome: str = Field("", max_length=2_000)
    facts: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    promises: tuple[ShortText, ...] = Field((), max_length=20)
    not_again: tuple[ShortText, ...] = Field((), max_length=20)


class Reply(Nothing):
    text: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)
    suggestion_id: str | None = Field(None, max_length=128)


class Transfer(Nothing):
    """To exactly one of these."""

    to_agent_id: Identifier | None = None
    to_queue: Place | None = None
    to_team: Place | None = None
    note: str = Field("", max_length=2_000)


class Override(Nothing):
    """To an agent, or back to the queue."""

    to_agent_id: Identifier | None = None
    reason: str = Field("", max_length=2_000)


class Snooze(Nothing):
    until_ms: Milliseconds


class Note(Nothing):
    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS_MAX)


class Draft(Nothing):
    """What the draft should say, if that is to be said."""

    instruction: str = Field("", max_length=2_000)


class Settlement(Nothing):
    outcome: Literal["dismissed"] = "dismissed"
    reason: str = Field("", max_length=500)
    dwell_ms: Milliseconds | None = None


class VerdictBody(Nothing):
    """A verdict on an approval."""

    verdict: Verdict
    arguments: dict[str, JsonValue] | None = None
    answer: JsonValue = None
    reason: str = Field("", max_length=2_000)
    reason_code: str = Field("", max_length=64)
    dwell_ms: Milliseconds | None = None
