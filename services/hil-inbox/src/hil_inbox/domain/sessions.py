"""When is a session good, and what proves that a request comes from its page?"""

import hashlib
import hmac
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

CODE_MINUTES = 15
SEEN_EVERY_MS = 60_000
"""A session's last use is stored this often, at most."""


class Session(BaseModel):
    """A person's stay. `expires_ms` is the end whatever happens; `idle_ms` after its last use it ends, too."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tenant: str
    actor_id: str
    created_ms: int
    seen_ms: int
    expires_ms: int
    idle_ms: int


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Of a session, in milliseconds."""

    absolute_ms: int
    idle_ms: int


def begin(person: tuple[str, str], lifetimes: Lifetimes, now_ms: int) -> Session:
    """A new stay of (tenant, actor id)."""
    tenant, actor_id = person
    return Session(
        tenant=tenant,
        actor_id=actor_id,
        created_ms=now_ms,
        seen_ms=now_ms,
        expires_ms=now_ms + lifetimes.absolute_ms,
        idle_ms=lifetimes.idle_ms,
    )


def is_alive(session: Session, now_ms: int) -> bool:
    """Neither too old nor unused for too long."""
    return now_ms < session.expires_ms and now_ms - session.seen_ms < session.idle_ms


def csrf_token(session_text: str) -> str:
    """Follows from the session's own text, which no other site can read; so it needs no place in the store."""
    return hmac.new(session_text.encode(), b"csrf", hashlib.sha256).hexdigest()
