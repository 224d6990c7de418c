"""Whose account at which app is it, in which state is it, and what does a call send to prove it?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import SecretStr

BLANK = "{token}"


@dataclass(frozen=True, slots=True)
class Account:
    """One entity's account at one app; the same entity of another tenant is somebody else."""

    tenant: str
    entity: str
    app: str

    @property
    def place(self) -> str:
        """The three names in one text, from which no other three can be read: keys and seals are made for it. Not in
        ASCII: two halves of a surrogate pair would be written like the character that they are halves of."""
        return json.dumps([self.tenant, self.entity, self.app], ensure_ascii=False)

    @property
    def id(self) -> str:
        """Names the account where it is stored, whatever characters the entity's name has."""
        return hashlib.sha256(self.place.encode("utf-8", "surrogatepass")).hexdigest()


class AccountState(StrEnum):
    CONNECTED = "connected"
    NEEDS_RECONNECT = "needs_reconnect"
    """The server takes the refresh token no more: only the entity's owner can help, by connecting again."""
    DISCONNECTED = "disconnected"
    """Not used any more; what is left is to be revoked at the server."""


class ClientProof(StrEnum):
    """How this system proves to the token endpoint who it is (RFC 6749, 2.3.1)."""

    BASIC = "basic"
    POST = "post"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """What the manifest declares of an app that speaks OAuth 2.1. `parameters` go into the authorization URL.
    `revoke_replaced`: its server revokes one grant of a person without the others that this client has of them."""

    authorize_url: str
    token_url: str
    client_id: str
    client_secret: SecretStr | None = None
    proof: ClientProof = ClientProof.BASIC
    revoke_url: str | None = None
    revoke_replaced: bool = False
    issuer: str | None = None
    resource: str | None = None
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """An app at which entities have accounts. Without `oauth` its accounts are static keys. `connect_page` is where
    people of this house connect accounts: it holds no state, so anybody may see it."""

    name: str
    header_name: str
    header_value: str
    oauth: OAuthClient | None = None
    connect_page: str | None = None

    def headers(self, token: SecretStr) -> Mapping[str, str]:
        """What a call of a tool of this app carries."""
        return {self.header_name: self.header_value.replace(BLANK, token.get_secret_value())}


@dataclass(frozen=True, slots=True)
class Connection:
    """What may be said of an account: nothing of it is secret. `generation` grows with every new set of tokens."""

    account: Account
    state: AccountState
    generation: int
    connected_at_ms: int
    expires_at_ms: int | None = None
    refresh_at_ms: int | None = None
    scopes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the server gave; `lifetime_seconds` None is unknown, `scopes` None those that were asked for."""

    access: SecretStr
    refresh: SecretStr | None = None
    lifetime_seconds: int | None = None
    scopes: tuple[str, ...] | None = None


def share_a_token(one: Tokens, other: Tokens) -> bool:
    """Whether what makes one of them void may reach the other."""
    return one.access == other.access or (one.refresh is not None and one.refresh == other.refresh)


class Missing(StrEnum):
    """Why there is no account to call with."""

    NEVER_CONNECTED = "never_connected"
    NEEDS_RECONNECT = "needs_reconnect"
    DISCONNECTED = "disconnected"
    CLIENT_REFUSED = "client_refused"
    """The server does not accept this system: a fault of the manifest, which the entity cannot mend."""


@dataclass(frozen=True, slots=True)
class NotConnected:
    """A call cannot be made until somebody connects the account. The text is for models and people alike; `url` is the
    app's connect page. An authorization URL is never in here: who opens it decides whose account the entity gets."""

    app: str
    missing: Missing
    url: str | None = None

    @property
    def detail(self) -> str:
        if self.missing is Missing.CLIENT_REFUSED:
            return f"{self.app} refuses this system's client id or secret: its operator must correct the manifest"
        again = "again " if self.missing is Missing.NEEDS_RECONNECT else ""
        where = f" at {self.url}" if self.url else f": an operator does so with `hil tool connect {self.app}`"
        return f"the account at {self.app} must be connected {again}first{where}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call of a tool carries, and when its account was connected: another moment, another account, perhaps."""

    headers: Mapping[str, str] = field(repr=False)
    connected_at_ms: int


def connected(account: Account, tokens: Tokens, *, generation: int, now_ms: int) -> Connection:
    """The account after its server has given tokens; refreshed a tenth of their life before the end, at most 60 s."""
    if tokens.lifetime_seconds is None:
        return Connection(account, AccountState.CONNECTED, generation, now_ms, scopes=tokens.scopes or ())
    lifetime_ms = tokens.lifetime_seconds * 1_000
    return Connection(
        account,
        AccountState.CONNECTED,
        generation,
        now_ms,
        expires_at_ms=now_ms + lifetime_ms,
        refresh_at_ms=now_ms + lifetime_ms - min(60_000, lifetime_ms // 10),
        scopes=tokens.scopes or (),
    )


def refreshed(connection: Connection, tokens: Tokens, *, now_ms: int) -> Connection:
    """The same account with its next tokens; a server that names no scopes leaves them as they were."""
    following = connected(connection.account, tokens, generation=connection.generation + 1, now_ms=now_ms)
    scopes = connection.scopes if tokens.scopes is None else tokens.scopes
    return replace(following, connected_at_ms=connection.connected_at_ms, scopes=scopes)


def replaces(answer: Connection, current: Connection) -> bool:
    """Whether what came of a refresh is stored over what is there now: it must come of the same tokens. New tokens win
    over a refusal that a slower process got with the old ones; nothing brings back what was disconnected, and what was
    connected anew (its generations begin anew, too) keeps its own."""
    if current.connected_at_ms != answer.connected_at_ms:
        return False
    if answer.state is AccountState.CONNECTED:
        return current.generation == answer.generation - 1 and current.state is not AccountState.DISCONNECTED
    return current.generation == answer.generation and current.state is AccountState.CONNECTED


def missing_of(state: AccountState) -> Missing | None:
    """Why an account in this state cannot be used; None if it can."""
    match state:
        case AccountState.CONNECTED:
            return None
        case AccountState.NEEDS_RECONNECT:
            return Missing.NEEDS_RECONNECT
        case AccountState.DISCONNECTED:
            return Missing.DISCONNECTED
