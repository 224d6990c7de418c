"""What is an API token, and when is it good?"""

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hil_inbox.domain.people import ActorId, Role, Scope, TenantId

PREFIX = "hil_"
SECRET_BYTES = 32
LIFETIME_DAYS_MAX = 3_650
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS = 43  # 62 ** 43 > 2 ** 256
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


def token_text(secret: bytes) -> str:
    """The token that is shown once: base62, with a beginning by which people and scanners know it."""
    number, text = int.from_bytes(secret, "big"), ""
    while number:
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return PREFIX + text.rjust(_CHARACTERS, "0")


def hash_of(text: str) -> str:
    """Under which a token, session or code is stored. 256 random bits need no slow hash: nobody guesses them."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def looks_like_token(text: str) -> bool:
    """Anything else is not worth a look into the store."""
    return text.startswith(PREFIX) and len(text) == len(PREFIX) + _CHARACTERS and text.isascii()


def is_good(token: Token, now_ms: int) -> bool:
    """Neither revoked nor expired."""
    return token.revoked_ms is None and now_ms < token.expires_ms
