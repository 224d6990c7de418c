"""What may the body and the header of a request hold?"""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from contracts.conversations import TEXT_CHARACTERS_MAX
from contracts.envelope import Identifier
from contracts.handovers import Verdict

IdempotencyKey = Annotated[
    str,
    Header(min_length=1, max_length=128, description="Chosen by the caller; the same key has one effect."),
]
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
ItemId = Annotated[str, Path(min_length=1, max_length=128)]
TenantFilter = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=8_192)]


class Actor(BaseModel):
    """Who acts, and in which epoch they saw the conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    actor_id: Identifier
    ownership_epoch: int = Field(ge=0, le=2**53)


class Resolution(Actor):
    resolution: str = Field("", max_length=2_000)


class Return(Actor):
    outcome: str = Field("", max_length=2_000)
    facts: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)


class Reply(Actor):
    text: str = Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)


class VerdictBody(BaseModel):
    """A verdict on an approval."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    actor_id: Identifier
    verdict: Verdict
    arguments: dict[str, JsonValue] | None = None
    answer: JsonValue = None
    reason: str = Field("", max_length=2_000)
