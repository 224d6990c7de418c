"""What may the manifest say of an app at which entities have accounts?"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from tool_runner.domain.accounts import BLANK, App, ClientProof, OAuthClient
from tool_runner.domain.addresses import checked_address
from tool_runner.domain.oauth import OWN_PARAMETERS

SECRET_BYTES_MAX = 16_384
_HEADER = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}): ?(?P<value>[\x20-\x7e]{1,500})\Z")


class AppUnusable(Exception):
    """An app cannot be used as it is declared; the text names app, field and reason."""


def _header(text: str) -> str:
    found = _HEADER.match(text)
    if found is None or found["value"].count(BLANK) != 1:
        raise ValueError(f"must be `Name: value` with {BLANK} once in its value")
    return text


Address = Annotated[str, Field(max_length=2_000), AfterValidator(checked_address)]
Header = Annotated[str, AfterValidator(_header)]
Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]


class AppEntry(BaseModel):
    """One entry under `apps`. `kind: api_key` is an app whose accounts are static keys. Errors repeat no value: it may
    be a secret where the name of one belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    kind: Literal["oauth", "api_key"] = "oauth"
    header: Header = Field("Authorization: Bearer {token}", description="What a call carries.")
    connect_page: Address | None = Field(None, description="Where people of this house connect accounts; shown to all.")
    authorize_url: Address | None = None
    token_url: Address | None = None
    revoke_url: Address | None = Field(None, description="RFC 7009; without it disconnecting only forgets the tokens.")
    revoke_replaced: bool = Field(
        False, description="Connecting again revokes what was there. Not where that ends all grants of the person."
    )
    client_id: str | None = Field(None, min_length=1, max_length=500)
    client_secret_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
    client_secret_file: Path | None = None
    client_proof: ClientProof | None = Field(None, description="basic with a secret, none without one.")
    issuer: Address | None = Field(None, description="What `iss` of the answer must be (RFC 9207).")
    resource: Address | None = Field(None, description="The resource that tokens are for (RFC 8707).")
    scopes: list[Scope] = Field([], max_length=100)
    authorize_parameters: dict[str, str] = Field({}, max_length=20, description="More for the authorization URL.")

    @model_validator(mode="after")
    def of_one_kind(self) -> Self:
        """A static key needs nothing of OAuth; OAuth needs its addresses and a client id."""
        oauth = self.model_fields_set - {"kind", "header", "connect_page"}
        if self.kind == "api_key" and oauth:
            raise ValueError(f"an app of kind api_key has no {', '.join(sorted(oauth))}")
        needed = ("authorize_url", "token_url", "client_id")
        if self.kind == "oauth" and (missing := [name for name in needed if getattr(self, name) is None]):
            raise ValueError(f"an app of kind oauth needs {', '.join(missing)}")
        if self.revoke_replaced and self.revoke_url is None:
            raise ValueError("revoke_replaced needs a revoke_url")
        return self

    @model_validator(mode="after")
    def of_one_secret(self) -> Self:
        """A secret has one home, and a proof that needs it."""
        if self.client_secret_env and self.client_secret_file:
            raise ValueError("give client_secret_env or client_secret_file, not both")
        has_secret = bool(self.client_secret_env or self.client_secret_file)
        if self.client_proof is not None and has_secret is (self.client_proof is ClientProof.NONE):
            raise ValueError("client_proof basic and post need a client secret, none has none")
        return self

    @model_validator(mode="after")
    def of_own_parameters(self) -> Self:
        """Nothing in the manifest stands beside what the flow itself says."""
        said = dict(parse_qsl(urlsplit(self.authorize_url or "").query, keep_blank_values=True))
        for field, names in (("authorize_parameters", self.authorize_parameters), ("authorize_url", said)):
            if own := sorted(OWN_PARAMETERS.intersection(names)):
                raise ValueError(f"{field}: {', '.join(own)} are set by the tool runner")
        return self

    def app(self, name: str, environment: Mapping[str, str]) -> App:
        """Raises AppUnusable if the client secret is not where it should be."""
        header = _HEADER.match(self.header)
        assert header is not None, "validated above"
        oauth = self._client(name, environment) if self.kind == "oauth" else None
        return App(name, header["name"], header["value"], oauth, self.connect_page)

    def _client(self, name: str, environment: Mapping[str, str]) -> OAuthClient:
        assert self.authorize_url and self.token_url and self.client_id, "validated above"
        secret = self._secret(name, environment)
        return OAuthClient(
            authorize_url=self.authorize_url,
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=secret,
            proof=self.client_proof or (ClientProof.NONE if secret is None else ClientProof.BASIC),
            revoke_url=self.revoke_url,
            revoke_replaced=self.revoke_replaced,
            issuer=self.issuer,
            resource=self.resource,
            scopes=tuple(self.scopes),
            parameters=self.authorize_parameters,
        )

    def _secret(self, name: str, environment: Mapping[str, str]) -> SecretStr | None:
        if self.client_secret_env is not None:
            where, found = f"client_secret_env: {self.client_secret_env}", environment.get(self.client_secret_env, "")
        elif self.client_secret_file is not None:
            where, found = f"client_secret_file: {self.client_secret_file}", _content(name, self.client_secret_file)
        else:
            return None
        if not 1 <= len(found) <= SECRET_BYTES_MAX:
            raise AppUnusable(f"apps.{name}.{where}: has {len(found)} characters, must be 1 to {SECRET_BYTES_MAX}")
        return SecretStr(found)


def _content(name: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(SECRET_BYTES_MAX + 1).decode().strip()
    except (OSError, UnicodeError) as error:
        raise AppUnusable(f"apps.{name}.client_secret_file: {file}: {type(error).__name__}") from error
