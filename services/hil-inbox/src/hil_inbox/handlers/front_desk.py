"""Who is let in: by a one-time code, by a token, or because an identity provider vouches for them?"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter
from pydantic import SecretStr

from hil_inbox.adapters.attempts import Attempts
from hil_inbox.adapters.audit_store import AuditStore
from hil_inbox.adapters.oidc_client import OidcClient
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.session_store import SessionStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.domain.attempts import account_counter, address_counter
from hil_inbox.domain.oidc import PENDING_MINUTES, Rejected, authorization_url, check_claims, merged, person_of
from hil_inbox.domain.people import Person
from hil_inbox.domain.sessions import Lifetimes, begin
from hil_inbox.domain.tokens import is_good
from http_gate.secret_text import hash_of, looks_like_token, same

log = structlog.get_logger()
LOGINS = Counter("hil_inbox_logins", "Logins by way and outcome.", ["way", "outcome"])
CODE, PENDING = "first_login", "oidc_login"
UNIFORM = "this id and this code or token do not fit together, or are not good any more"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session was begun; the text is for its cookie."""

    session: str
    actor_id: str


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """One text for all reasons, so that nobody learns who exists; `wait_seconds` if there were too many failures."""

    detail: str = UNIFORM
    wait_seconds: int = 0


@dataclass(frozen=True, slots=True)
class FrontDesk:
    """Opens and closes sessions."""

    people: PeopleStore
    tokens: TokenStore
    sessions: SessionStore
    one_time: OneTimeStore
    attempts: Attempts
    audit: AuditStore
    lifetimes: Lifetimes
    now_ms: Callable[[], int]
    oidc: OidcClient | None = None

    async def by_code(self, code: str, *, address: str) -> Opened | NotLetIn:
        """A one-time link was opened."""
        counters = (address_counter(address),)
        wait = await self.attempts.seconds_to_wait(counters, now_ms=self.now_ms())
        if wait:
            return self._shut("code", wait)
        person = await self._of_code(code)
        if person is None:
            return await self._failed("code", counters, address)
        return await self._opened(person, "code", address)

    async def by_secret(self, account: str, secret: str, *, address: str) -> Opened | NotLetIn:
        """The form: an id, and a one-time code or a token of that person."""
        counters = (address_counter(address), account_counter(account))
        wait = await self.attempts.seconds_to_wait(counters, now_ms=self.now_ms())
        if wait:
            return self._shut("form", wait)
        person = await (self._of_token(secret) if looks_like_token(secret) else self._of_code(secret))
        if person is None or not same(person.actor_id, account.strip()):
            return await self._failed("form", counters, address, account=person)
        return await self._opened(person, "form", address)

    async def oidc_start(self, redirect_uri: str, next_path: str, *, address: str) -> tuple[str, str] | NotLetIn:
        """The provider's address and the text for the browser's cookie, which ties the answer to this browser."""
        assert self.oidc is not None, "the route exists only with a provider"
        wait = await self.attempts.seconds_to_wait((address_counter(address),), now_ms=self.now_ms())
        if wait:
            return self._shut("oidc", wait)
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        pending = {
            "verifier": secrets.token_urlsafe(48),
            "nonce": secrets.token_urlsafe(32),
            "redirect_uri": redirect_uri,
            "next": next_path,
            "browser": hash_of(browser),
        }
        endpoints = await self.oidc.endpoints()
        expires_ms = self.now_ms() + PENDING_MINUTES * 60_000
        await self.one_time.add(state, PENDING, pending, expires_ms=expires_ms)
        return authorization_url(self.oidc.provider, endpoints.authorization_endpoint, pending, state), browser

    async def by_oidc(self, state: str, code: str, browser: str, *, address: str) -> tuple[Opened, str] | NotLetIn:
        """The browser came back; with the path to go on to."""
        assert self.oidc is not None, "the route exists only with a provider"
        counters = (address_counter(address),)
        wait = await self.attempts.seconds_to_wait(counters, now_ms=self.now_ms())
        if wait:
            return self._shut("oidc", wait)
        try:
            person, next_path = await self._vouched_for(self.oidc, state, code, browser)
        except Rejected as error:
            log.warning("login.rejected", reason=str(error))
            return await self._failed("oidc", counters, address)
        return await self._opened(person, "oidc", address), next_path

    async def log_out(self, session: str) -> None:
        """End this stay."""
        found = await self.sessions.find(session)
        await self.sessions.end(session)
        if found is not None:
            await self.note(found.tenant, found.actor_id, "logout")

    async def note(self, tenant: str, actor_id: str, action: str, **details: object) -> None:
        """An entry of the audit, at this moment."""
        body = {"tenant": tenant, "actor_id": actor_id, "action": action, "key": "", "at_ms": self.now_ms(), **details}
        await self.audit.note(f"{tenant}/{action}/{secrets.token_hex(12)}", body)

    async def _of_code(self, code: str) -> Person | None:
        found = await self.one_time.take(code, CODE, now_ms=self.now_ms())
        return None if found is None else await self._enabled(found["tenant"], found["actor_id"])

    async def _of_token(self, text: str) -> Person | None:
        token = await self.tokens.find(text)
        if token is None or token.actor_id is None or not is_good(token, self.now_ms()):
            return None
        return await self._enabled(token.tenant, token.actor_id)

    async def _enabled(self, tenant: str, actor_id: str) -> Person | None:
        person = await self.people.get(tenant, actor_id)
        return None if person is None or person.disabled else person

    async def _vouched_for(self, oidc: OidcClient, state: str, code: str, browser: str) -> tuple[Person, str]:
        pending = await self.one_time.take(state, PENDING, now_ms=self.now_ms())
        if pending is None or not same(pending["browser"], hash_of(browser)):
            raise Rejected("the state is unknown, used, too old, or of another browser")
        claims = await oidc.claims(await oidc.exchange(SecretStr(code), pending))
        check_claims(oidc.provider, claims, nonce=pending["nonce"], now_seconds=self.now_ms() // 1_000)
        told = person_of(oidc.provider, claims)
        person = merged(await self.people.get(told.tenant, told.actor_id), told, oidc.provider)
        await self.people.put(person)
        return person, pending["next"]

    async def _opened(self, person: Person, way: str, address: str) -> Opened:
        """Always a new text: one that somebody slipped into the browser before is worth nothing."""
        text = secrets.token_urlsafe(32)
        await self.sessions.add(text, begin((person.tenant, person.actor_id), self.lifetimes, self.now_ms()))
        await self.note(person.tenant, person.actor_id, "login", way=way, address=address)
        LOGINS.labels(way, "opened").inc()
        return Opened(text, person.actor_id)

    async def _failed(
        self, way: str, counters: tuple[str, ...], address: str, *, account: Person | None = None
    ) -> NotLetIn:
        await self.attempts.count_failure(counters, now_ms=self.now_ms())
        LOGINS.labels(way, "denied").inc()
        if account is not None:
            await self.note(account.tenant, account.actor_id, "login_denied", way=way, address=address)
        return NotLetIn()

    def _shut(self, way: str, wait: int) -> NotLetIn:
        LOGINS.labels(way, "limited").inc()
        return NotLetIn("too many failed attempts", wait)
