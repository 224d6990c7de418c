"""What do the steps of OAuth 2.1 (authorization code, PKCE, refresh) ask, and what do a server's answers mean?"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from tool_runner.domain.accounts import Account, OAuthClient, Tokens

PENDING_SECONDS = 600
"""How long a started connection waits for its owner to agree."""
TOKEN_CHARACTERS_MAX = 16_384
LIFETIME_SECONDS_MAX = 10 * 366 * 86_400
OWN_PARAMETERS = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"}
)
"""Parameters of the authorization URL that no manifest may set."""
_GRANT_GONE = frozenset(
    {"invalid_grant", "bad_refresh_token", "bad_verification_code", "interaction_required", "consent_required"}
)
_WORD = re.compile(r"[a-z_]{1,60}\Z")
_SENDABLE = re.compile(r"\A[\x21-\x7e]+\Z")
"""Characters that a token may have (RFC 6749, A.12, without the blank): nothing that could end a header."""


class Trouble(StrEnum):
    """What a refusal of a token endpoint means for whoever asked."""

    GRANT_GONE = "grant_gone"
    CLIENT_REFUSED = "client_refused"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """No tokens came. `word` is the server's error code if it is a plain word; its longer texts are dropped, because
    they may quote what was sent."""

    trouble: Trouble
    word: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A connection that was started: what the answer that comes back by the browser must fit to. `round` is the same
    for all of its account that were started since the account was last disconnected."""

    account: Account
    verifier: SecretStr
    redirect_uri: str
    expires_at_ms: int
    round: str = ""


@dataclass(frozen=True, slots=True)
class CallbackRefused:
    """The browser brought back something that cannot be used; the text holds nothing of it but plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Callback:
    """Parameters of the redirect, as they came."""

    code: str | None = field(default=None, repr=False)
    error: str | None = None
    issuer: str | None = None


def _or_unknown(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Some servers say lives of zero or below, or in words. The tokens beside them may be the only ones that still
    work: they are kept, and used until they are refused."""
    try:
        return read(value)
    except ValidationError:
        return None


def _or_none_known(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Some servers say lists of scopes. What cannot be read at all is not what was asked for, which silence means."""
    try:
        return read(" ".join(value) if isinstance(value, list) else value)
    except (ValidationError, TypeError):
        return ""


def _or_unsaid(value: object) -> object:
    """Some servers say an empty one where there is no new one."""
    return None if value == "" else value


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    access_token: str = Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX, pattern=_SENDABLE)
    token_type: str = Field(pattern=re.compile(r"(?i)\Abearer\Z"))
    refresh_token: Annotated[
        str | None, Field(max_length=TOKEN_CHARACTERS_MAX, pattern=_SENDABLE), BeforeValidator(_or_unsaid)
    ] = None
    expires_in: Annotated[
        float | None, Field(ge=1, le=LIFETIME_SECONDS_MAX, allow_inf_nan=False), WrapValidator(_or_unknown)
    ] = None
    scope: Annotated[str | None, Field(max_length=4_096), WrapValidator(_or_none_known)] = None


class _ErrorAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    error: str = Field(min_length=1)


def code_challenge(verifier: SecretStr) -> str:
    """S256 of RFC 7636."""
    digest = hashlib.sha256(verifier.get_secret_value().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(client: OAuthClient, pending: Pending, state: str) -> str:
    """Where the owner of the account agrees. Who opens it decides whose account it becomes: show it to nobody else."""
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": pending.redirect_uri,
        "state": state,
        "code_challenge": code_challenge(pending.verifier),
        "code_challenge_method": "S256",
    }
    if client.scopes:
        parameters["scope"] = " ".join(client.scopes)
    if client.resource is not None:
        parameters["resource"] = client.resource
    query = urlencode({**client.parameters, **parameters})
    return f"{client.authorize_url}{'&' if '?' in client.authorize_url else '?'}{query}"


def code_of(callback: Callback, client: OAuthClient) -> SecretStr | CallbackRefused:
    """The code to be exchanged, if the answer came from the right server (RFC 9207) and is a yes."""
    if callback.issuer is not None and client.issuer is None:
        return CallbackRefused("the server names itself as issuer: declare it as `issuer` of the app")
    if client.issuer is not None and not hmac.compare_digest((callback.issuer or "").encode(), client.issuer.encode()):
        return CallbackRefused("the answer is not from the declared issuer")
    if callback.error is not None:
        return CallbackRefused(f"the server says {_plain(callback.error)}")
    if not callback.code or len(callback.code) > TOKEN_CHARACTERS_MAX:
        return CallbackRefused(f"code: must have 1 to {TOKEN_CHARACTERS_MAX} characters")
    return SecretStr(callback.code)


def code_request(client: OAuthClient, code: SecretStr, pending: Pending) -> Mapping[str, str]:
    """Fields of the form that exchanges the code."""
    fields = {
        "grant_type": "authorization_code",
        "code": code.get_secret_value(),
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.verifier.get_secret_value(),
    }
    return fields | _resource(client)


def refresh_request(client: OAuthClient, refresh: SecretStr) -> Mapping[str, str]:
    """Fields of the form that asks for new tokens."""
    return {"grant_type": "refresh_token", "refresh_token": refresh.get_secret_value()} | _resource(client)


def read_token_answer(status: int, body: bytes) -> Tokens | TokenRefused:
    """Tokens, or why there are none. Some servers say their errors with status 200."""
    if status >= 500 or status == 429:
        return TokenRefused(Trouble.UNAVAILABLE, f"status {status}")
    try:
        return _refused(_ErrorAnswer.model_validate_json(body).error)
    except ValidationError:
        pass
    if not 200 <= status < 300:
        return TokenRefused(Trouble.CLIENT_REFUSED, f"status {status} without an error code")
    try:
        answer = _TokenAnswer.model_validate_json(body)
    except ValidationError as error:
        fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})) or "its form"
        return TokenRefused(Trouble.UNAVAILABLE, f"an answer that cannot be used: {fields}")
    return Tokens(
        SecretStr(answer.access_token),
        None if answer.refresh_token is None else SecretStr(answer.refresh_token),
        None if answer.expires_in is None else int(answer.expires_in),
        None if answer.scope is None else tuple(answer.scope.split()),
    )


def _refused(error: str) -> TokenRefused:
    word = _plain(error)
    if word in _GRANT_GONE:
        return TokenRefused(Trouble.GRANT_GONE, word)
    temporary = word in ("temporarily_unavailable", "server_error", "slow_down")
    return TokenRefused(Trouble.UNAVAILABLE if temporary else Trouble.CLIENT_REFUSED, word)


def _plain(word: str) -> str:
    return word if _WORD.match(word) else "something that is not an error code"


def _resource(client: OAuthClient) -> dict[str, str]:
    return {} if client.resource is None else {"resource": client.resource}
