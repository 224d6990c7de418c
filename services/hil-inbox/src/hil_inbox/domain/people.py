"""Who works at the inbox, and what may each role do?"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["agent", "supervisor", "admin"]
Scope = Literal["inbox:read", "inbox:act", "inbox:supervise", "inbox:admin", "act_as"]
ROLES: tuple[Role, ...] = ("agent", "supervisor", "admin")
"""From the least to the most: who may do something may do all that those before may."""
NAME = r"^[A-Za-z0-9_.@+-]{1,128}$"
ActorId = Annotated[str, Field(pattern=NAME)]
TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Words = Annotated[tuple[Word, ...], Field(max_length=50)]
SCOPES_OF_ROLES: dict[Role, frozenset[Scope]] = {
    "agent": frozenset({"inbox:read", "inbox:act"}),
    "supervisor": frozenset({"inbox:read", "inbox:act", "inbox:supervise"}),
    "admin": frozenset({"inbox:read", "inbox:act", "inbox:supervise", "inbox:admin"}),
}


class Person(BaseModel):
    """Someone who works at the inbox. `capacity`: conversations at a time; empty `queues`: those of all teams."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tenant: TenantId
    actor_id: ActorId
    name: str = Field("", max_length=200)
    email: str = Field("", max_length=320)
    role: Role = "agent"
    teams: Words = ()
    skills: Words = ()
    queues: Words = ()
    languages: Words = ()
    capacity: int = Field(5, ge=0, le=1_000)
    disabled: bool = False
    identity: str = Field("", max_length=2_000, description="Issuer and subject of the provider that vouches.")


def lesser(one: Role, other: Role) -> Role:
    """The role that may less."""
    return min(one, other, key=ROLES.index)


def at_least(role: Role, needed: Role) -> bool:
    """Whether the role may what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)
