"""Who sends this request: whose token or session is it, and is it still good?"""

from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter

from analytics.adapters.access_store import AccessStore
from analytics.adapters.failures import Failures
from analytics.domain.callers import Caller
from analytics.domain.tokens import Session
from http_gate.secret_text import hash_of, looks_like_token

KNOWN_MS = 2_000
"""So long a token or session is believed without a look into the store: its end shows after it."""
KNOWN_MAX = 10_000
SESSION_CHARACTERS = 43
REFUSED = Counter("hil_analytics_refusals", "Requests that were not let in, by reason.", ["reason"])


@dataclass(frozen=True, slots=True)
class Denied:
    """Nobody is admitted; `reason` is for the caller. `wait_seconds` if there were too many failures."""

    reason: str
    wait_seconds: int = 0


NO_TOKEN = Denied("send Authorization: Bearer hil_…, or sign in at /login; `hil analytics token create` makes a token")
BAD_TOKEN = Denied("the token is unknown, expired or revoked; `hil analytics token create` makes one")
NO_SESSION = Denied("the session is unknown or over; sign in at /login")


@dataclass(slots=True)
class Admission:
    """Looks up tokens and sessions. A session ends with its token."""

    store: AccessStore
    session_ms: int
    now_ms: Callable[[], int]
    failures: Failures = field(default_factory=Failures)
    _known: dict[str, tuple[int, Caller]] = field(default_factory=dict)

    async def by_token(self, text: str, *, address: str) -> Caller | Denied:
        """For whom an API token speaks. Too many bad ones from an address, and none from there is looked up, but for
        those that were good before."""
        name = hash_of(text)
        known = self._recent(name)
        if known is not None:
            return known
        wait = self.failures.seconds_to_wait(address, now_ms=self.now_ms())
        if wait and name not in self._known:
            return self._refused("too_many", Denied("too many tokens that are none, from this address", wait))
        found = await self._caller(name) if looks_like_token(text) else None
        if found is None:
            self.failures.count(address, now_ms=self.now_ms())
            return self._refused("bad_token", BAD_TOKEN)
        return self._keep(name, found)

    async def by_session(self, text: str) -> Caller | Denied:
        """Whose browser it is."""
        if len(text) != SESSION_CHARACTERS:
            return self._refused("no_token", NO_SESSION if text else NO_TOKEN)
        known = self._recent(hash_of(text))
        if known is not None:
            return known
        session = await self.store.session(text)
        found = None
        if session is not None and self.now_ms() < session.expires_ms:
            found = await self._caller(session.token_hash)
        return self._refused("no_session", NO_SESSION) if found is None else self._keep(hash_of(text), found)

    async def sign_in(self, token: str, *, address: str) -> str | Denied:
        """A new session's text. Always a new one: what somebody slipped into the browser before is worth nothing."""
        found = await self.by_token(token, address=address)
        if isinstance(found, Denied):
            return found
        now_ms = self.now_ms()
        session = Session(token_hash=hash_of(token), expires_ms=now_ms + self.session_ms)
        return await self.store.open_session(session, now_ms=now_ms)

    async def sign_out(self, session: str) -> None:
        """End this stay, here at once."""
        await self.store.end_session(session)
        self._known.pop(hash_of(session), None)

    async def _caller(self, token_hash: str) -> Caller | None:
        token = await self.store.token(token_hash)
        return None if token is None or not token.is_good(self.now_ms()) else token.caller()

    def _refused(self, reason: str, denied: Denied) -> Denied:
        REFUSED.labels(reason).inc()
        return denied

    def _recent(self, name: str) -> Caller | None:
        at_ms, caller = self._known.get(name, (0, None))
        return caller if self.now_ms() - at_ms < KNOWN_MS else None

    def _keep(self, name: str, caller: Caller) -> Caller:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[name] = (self.now_ms(), caller)
        return caller
