"""What does OpenID Connect ask of a login, and whom do a provider's claims describe?"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, StringConstraints, ValidationError

from hil_inbox.domain.people import ROLES, Person, Role, TenantId, Word

LEEWAY_SECONDS = 30
TOKEN_AGE_SECONDS_MAX = 600
PENDING_MINUTES = 10
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures with a public key only: never `none`, and never a shared secret."""
Claims = Mapping[str, JsonValue]
ClaimName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TenantRule(_Strict):
    """One tenant for all, or by the values of a claim."""

    value: TenantId | None = None
    claim: ClaimName | None = None
    values: dict[str, TenantId] = Field(default_factory=dict)


class RoleRule(_Strict):
    """Roles by the values of a claim; the strongest counts, and without one nobody is let in."""

    claim: ClaimName = "groups"
    values: dict[str, Role]


class TeamRule(_Strict):
    """Teams by the values of a claim."""

    claim: ClaimName = "groups"
    values: dict[str, Word]


class Provider(_Strict):
    """An identity provider, and what its claims mean here."""

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", max_length=1_000)
    client_id: str = Field(min_length=1, max_length=500)
    label: str = Field("your organisation", max_length=60)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    actor_claim: Literal["sub", "email", "preferred_username"] = "sub"
    tenant: TenantRule
    roles: RoleRule
    teams: TeamRule | None = None


class Endpoints(BaseModel):
    """What discovery says, as far as it is used."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    issuer: str
    authorization_endpoint: str = Field(pattern=r"^https?://")
    token_endpoint: str = Field(pattern=r"^https?://")
    jwks_uri: str = Field(pattern=r"^https?://")


class Rejected(Exception):
    """The login does not count; the text is for logs and holds nothing of a token."""


def code_challenge(verifier: SecretStr) -> str:
    """S256 of RFC 7636."""
    digest = hashlib.sha256(verifier.get_secret_value().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(provider: Provider, endpoint: str, pending: Mapping[str, str], state: str) -> str:
    """Where the browser is sent; `pending` holds verifier, nonce and redirect_uri."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": pending["redirect_uri"],
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": pending["nonce"],
            "code_challenge": code_challenge(SecretStr(pending["verifier"])),
            "code_challenge_method": "S256",
        }
    )
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def check_claims(provider: Provider, claims: Claims, *, nonce: str, now_seconds: int) -> None:
    """The checks of OpenID Connect Core 3.1.3.7 that are not the signature's. Raises Rejected."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise Rejected("the id token is from another issuer")
    if provider.client_id not in audiences:
        raise Rejected("the id token is for another audience")
    if claims.get("azp", provider.client_id) != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise Rejected("the id token was given to another client")
    if claims.get("nonce") != nonce:
        raise Rejected("the id token has another nonce")
    _check_times(claims, now_seconds)


def _check_times(claims: Claims, now_seconds: int) -> None:
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int | float) or expires + LEEWAY_SECONDS < now_seconds:
        raise Rejected("the id token has expired")
    if not isinstance(issued, int | float) or issued - LEEWAY_SECONDS > now_seconds:
        raise Rejected("the id token is from the future")
    if now_seconds - issued > TOKEN_AGE_SECONDS_MAX:
        raise Rejected(f"the id token is older than {TOKEN_AGE_SECONDS_MAX} s")


def person_of(provider: Provider, claims: Claims) -> Person:
    """Whom the claims describe. Raises Rejected."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise Rejected("the id token has no subject")
    groups = _texts(claims.get(provider.roles.claim))
    roles = [provider.roles.values[group] for group in groups if group in provider.roles.values]
    if not roles:
        raise Rejected(f"no value of claim {provider.roles.claim} gives a role")
    fields = {
        "tenant": _tenant(provider.tenant, claims),
        "actor_id": claims.get(provider.actor_claim),
        "name": str(claims.get("name") or "")[:200],
        "email": _email(claims),
        "role": max(roles, key=ROLES.index),
        "teams": _teams(provider.teams, claims),
        "identity": f"{provider.issuer} {subject}",
    }
    try:
        return Person.model_validate(fields)
    except ValidationError as error:
        raise Rejected(f"claims that do not fit: {error.errors()[0]['loc'][0]}") from None


def merged(known: Person | None, told: Person, provider: Provider) -> Person:
    """The person after a login: the provider says who they are, their role and teams; the rest is ours. An id that is
    somebody else's is not handed over, unless the provider has verified the address that we know. Raises Rejected."""
    if known is None:
        return told
    if known.disabled:
        raise Rejected("the person is disabled")
    is_vouched_for = known.identity == "" and known.email != "" and known.email.lower() == told.email.lower()
    if known.identity != told.identity and not is_vouched_for:
        raise Rejected("the id belongs to somebody else")
    changes: dict[str, object] = {"name": told.name or known.name, "email": told.email or known.email}
    changes |= {"role": told.role, "identity": told.identity}
    if provider.teams is not None:
        changes["teams"] = told.teams
    return known.model_copy(update=changes)


def _tenant(rule: TenantRule, claims: Claims) -> str:
    if rule.value is not None:
        return rule.value
    named = {rule.values[text] for text in _texts(claims.get(rule.claim or "")) if text in rule.values}
    if len(named) != 1:
        raise Rejected(f"the values of claim {rule.claim} give {len(named)} tenants, must be one")
    return named.pop()


def _teams(rule: TeamRule | None, claims: Claims) -> tuple[str, ...]:
    if rule is None:
        return ()
    return tuple(rule.values[text] for text in _texts(claims.get(rule.claim)) if text in rule.values)


def _email(claims: Claims) -> str:
    """Only a verified address: others can be chosen at will."""
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") is True and len(email) <= 320 else ""


def _texts(value: JsonValue) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)][:500]
