"""What lets somebody in, and when is it good: an API token, and a browser's session that was opened with one?"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from analytics.domain.callers import Caller, Role

LIFETIME_DAYS_MAX = 3_650
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TenantSeen = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,128}|\*)$")]
Tenants = Annotated[tuple[TenantSeen, ...], Field(min_length=1, max_length=100)]


class Wanted(BaseModel):
    """What a new token is for. Tenant `*` is every tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str = Field(min_length=1, max_length=100)
    tenants: Tenants
    role: Role = "analyst"
    days: int = Field(90, ge=1, le=LIFETIME_DAYS_MAX)


class Token(BaseModel):
    """What is kept of a token; the secret itself is kept nowhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    token_id: str
    label: str
    tenants: Tenants
    role: Role
    created_ms: int
    expires_ms: int
    revoked_ms: int | None = None

    def is_good(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_ms is None and now_ms < self.expires_ms

    def caller(self) -> Caller:
        """For whom it speaks."""
        return Caller(self.token_id, self.role, frozenset(self.tenants))


class Session(BaseModel):
    """A browser's stay. It is no better than its token: that one's end is its end, too."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    token_hash: str
    expires_ms: int


def token_for(wanted: Wanted, token_id: str, *, now_ms: int) -> Token:
    """What is kept of a new token."""
    fields = wanted.model_dump(exclude={"days"})
    return Token(token_id=token_id, created_ms=now_ms, expires_ms=now_ms + wanted.days * DAY_MS, **fields)
