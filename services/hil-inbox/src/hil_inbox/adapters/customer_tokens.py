"""Who is the customer behind a token, and how is a session written down so that nobody else can make one?"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey, RSAKey
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from hil_inbox.adapters.yaml_lines import FileUnusable

TOKEN_CHARACTERS_MAX = 4_096
LEEWAY_SECONDS = 30
SESSION_AUDIENCE = "hil-chat-session"
CUSTOMER_AUDIENCE = "hil-chat"
SubjectToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Seconds = Annotated[int, Field(ge=0, le=2**40)]
Claims = dict[str, object]
Kind = TypeVar("Kind", bound=BaseModel)


class TokenRefused(Exception):
    """A token that proves nothing; the text says why, and quotes nothing of it."""


class Session(BaseModel):
    """One customer in one conversation. `is_signed` says that a company's backend vouched for `entity`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    tenant: SubjectToken
    key: SubjectToken
    exp: Seconds
    entity: str | None = Field(None, max_length=256)
    name: str | None = Field(None, max_length=100)
    is_signed: bool = False


class Customer(BaseModel):
    """What a company's backend signs."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    sub: str = Field(min_length=1, max_length=256)
    tenant: SubjectToken
    exp: Seconds
    nbf: Seconds = 0
    name: str | None = Field(None, max_length=100)
    conversation: SubjectToken | None = None


@dataclass(frozen=True, slots=True)
class CustomerTokens:
    """`secret` signs sessions of this house; customers' tokens are checked with the other two, as far as they are
    given. A token's algorithm must be the one of the key that it is checked with."""

    secret: SecretStr
    tenants: Sequence[str]
    session_seconds: int
    draw: Callable[[], str]
    customer_secret: SecretStr | None = None
    customer_public_key: RSAKey | None = None

    def stranger(self, *, now_s: int) -> Session:
        """A session for somebody unknown, in a conversation that nobody can guess."""
        return Session(tenant=self.tenants[0], key=f"web-{self.draw()}", exp=now_s + self.session_seconds)

    def known(self, token: str, *, now_s: int) -> Session:
        """A session for a customer by the token of the company's backend. Raises TokenRefused."""
        customer = _valid(Customer, self._customer_claims(token))
        _check_time(customer.exp, customer.nbf, now_s)
        if customer.tenant not in self.tenants:
            raise TokenRefused("claim tenant names none that is served here")
        # Without a conversation in the token: the same one on each device of the customer.
        digest = hashlib.sha256(f"{customer.tenant}/{customer.sub}".encode()).hexdigest()[:32]
        return Session(
            tenant=customer.tenant,
            key=customer.conversation or f"web-{digest}",
            exp=now_s + self.session_seconds,
            entity=customer.sub,
            name=customer.name,
            is_signed=True,
        )

    def renewed(self, session: Session, *, now_s: int) -> Session:
        """The same conversation for longer. Raises TokenRefused: who was vouched for must be vouched for again."""
        if session.is_signed:
            raise TokenRefused("a signed customer's session is renewed by a new customer token")
        return session.model_copy(update={"exp": now_s + self.session_seconds})

    def sign(self, session: Session) -> str:
        """The session as the token that its owner carries."""
        claims = {**session.model_dump(exclude_none=True), "aud": SESSION_AUDIENCE}
        return jwt.encode({"alg": "HS256"}, claims, _shared(self.secret))

    def session(self, token: str, *, now_s: int) -> Session:
        """The session of a token that was signed here. Raises TokenRefused."""
        session = _valid(Session, _claims(token, _shared(self.secret), "HS256", SESSION_AUDIENCE))
        _check_time(session.exp, 0, now_s)
        if session.tenant not in self.tenants:
            raise TokenRefused("its tenant is no longer served here")
        return session

    def _customer_claims(self, token: str) -> Claims:
        algorithm = _unproven(token)[0].get("alg")
        if algorithm == "HS256" and self.customer_secret is not None:
            return _claims(token, _shared(self.customer_secret), "HS256", CUSTOMER_AUDIENCE)
        if algorithm == "RS256" and self.customer_public_key is not None:
            return _claims(token, self.customer_public_key, "RS256", CUSTOMER_AUDIENCE)
        raise TokenRefused("its algorithm is not one that a key is set for: HS256 or RS256")


def public_key(path: Path) -> RSAKey:
    """The key that customers' tokens are checked with. Raises FileUnusable."""
    name = f"HIL_INBOX_CHAT_CUSTOMER_PUBLIC_KEY_FILE {path}"
    try:
        key = RSAKey.import_key(path.read_bytes())
    except (JoseError, ValueError) as error:
        raise FileUnusable(
            f"{name}: is no RSA key in PEM; give the public key as `openssl rsa -pubout` writes it"
        ) from error
    if key.is_private:
        raise FileUnusable(f"{name}: is a private key; keep that at your backend, and give its public key here")
    return key


def is_session(token: str) -> bool:
    """Whether a token says that it is a session's; proves nothing. Raises TokenRefused."""
    return _unproven(token)[1].get("aud") == SESSION_AUDIENCE


def _shared(secret: SecretStr) -> OctKey:
    return OctKey.import_key(secret.get_secret_value())


def _unproven(token: str) -> tuple[Claims, Claims]:
    """Head and claims of a token, whoever made it."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenRefused(f"it is longer than {TOKEN_CHARACTERS_MAX} characters")
    try:
        found = jws.extract_compact(token.encode())
        return found.headers(), _object(found.payload)
    except (JoseError, ValueError) as error:
        raise TokenRefused("it is not a JSON Web Token") from error


def _claims(token: str, key: OctKey | RSAKey, algorithm: str, audience: str) -> Claims:
    """What is signed with this key and by this algorithm, for this audience; times are judged by the caller's clock."""
    _unproven(token)
    try:
        claims = _object(jws.deserialize_compact(token, key, algorithms=[algorithm]).payload)
    except BadSignatureError as error:
        raise TokenRefused("its signature is wrong") from error
    except (JoseError, ValueError) as error:
        raise TokenRefused(f"it is not a JSON Web Token signed with {algorithm}") from error
    named = claims.get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise TokenRefused(f"claim aud is not {audience}")
    return claims


def _object(payload: bytes) -> Claims:
    claims = json.loads(payload)
    if not isinstance(claims, dict):
        raise ValueError("the claims are no object")
    return claims


def _valid(kind: type[Kind], claims: Claims) -> Kind:
    try:
        return kind.model_validate(claims)
    except ValidationError as error:
        names = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
        raise TokenRefused(f"claim {', '.join(names)} is missing or not as it should be") from error


def _check_time(exp: int, nbf: int, now_s: int) -> None:
    if exp + LEEWAY_SECONDS <= now_s:
        raise TokenRefused("it has expired")
    if nbf - LEEWAY_SECONDS > now_s:
        raise TokenRefused("it is not valid yet")
