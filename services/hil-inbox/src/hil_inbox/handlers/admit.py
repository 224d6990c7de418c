"""Who sends this request: whose token or session is it, and is it still good?"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.session_store import SessionStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.domain.principal import Principal, of_person, of_token
from hil_inbox.domain.sessions import is_alive
from hil_inbox.domain.tokens import is_good
from http_gate.secret_text import hash_of, looks_like_token

KNOWN_MS = 2_000
"""So long an answer is believed without a look into the store: the end of a token, person or session shows after it."""
KNOWN_MAX = 10_000
SESSION_CHARACTERS = 43


@dataclass(frozen=True, slots=True)
class Denied:
    """Nobody is admitted; `reason` is for the caller."""

    reason: str


@dataclass(slots=True)
class Admission:
    """Looks up tokens, sessions and people."""

    people: PeopleStore
    tokens: TokenStore
    sessions: SessionStore
    now_ms: Callable[[], int]
    _known: dict[tuple[str, str | None], tuple[int, Principal]] = field(default_factory=dict)

    async def by_token(self, text: str, *, named: str | None) -> Principal | Denied:
        """The principal of an API token; `named` is what the header Hil-Actor says."""
        if not looks_like_token(text):
            return Denied("the token is not one of this service")
        known = self._recent((hash_of(text), named))
        if known is not None:
            return known
        token = await self.tokens.find(text)
        if token is None or not is_good(token, self.now_ms()):
            return Denied("the token is unknown, expired or revoked")
        owner = named or token.actor_id
        person = None if owner is None else await self.people.get(token.tenant, owner)
        found = of_token(token, person, named=named)
        return Denied(found) if isinstance(found, str) else self._keep((hash_of(text), named), found)

    async def by_session(self, text: str) -> Principal | Denied:
        """The principal of a session's cookie."""
        if len(text) != SESSION_CHARACTERS:
            return Denied("the session is unknown or over")
        known = self._recent((hash_of(text), ""))
        if known is not None:
            return known
        session = await self.sessions.find(text)
        if session is None or not is_alive(session, self.now_ms()):
            return Denied("the session is unknown or over")
        person = await self.people.get(session.tenant, session.actor_id)
        if person is None or person.disabled:
            return Denied("the session is unknown or over")
        await self.sessions.saw(text, now_ms=self.now_ms())
        return self._keep((hash_of(text), ""), of_person(person))

    def forget_all(self) -> None:
        """Something was revoked or changed through this replica: it holds here at once."""
        self._known.clear()

    def _recent(self, name: tuple[str, str | None]) -> Principal | None:
        at_ms, principal = self._known.get(name, (0, None))
        return principal if self.now_ms() - at_ms < KNOWN_MS else None

    def _keep(self, name: tuple[str, str | None], principal: Principal) -> Principal:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[name] = (self.now_ms(), principal)
        return principal
