"""What is an API token, and when is it good?"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hil_inbox.domain.people import ActorId, Role, Scope, TenantId

LIFETIME_DAYS_MAX = 3_650
Scopes = Annotated[tuple[Scope, ...], Field(min_length=1, max_length=5)]


class Token(BaseModel):
    """What is kept of a token. Without `actor_id` it belongs to a service. The key itself is kept nowhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    token_id: str
    tenant: TenantId
    actor_id: ActorId | None = None
    label: str = Field("", max_length=100)
    role: Role = "agent"
    scopes: Scopes
    created_ms: int
    created_by: str
    expires_ms: int
    revoked_ms: int | None = None


def is_good(token: Token, now_ms: int) -> bool:
    """Neither revoked nor expired."""
    return token.revoked_ms is None and now_ms < token.expires_ms
