"""What do the routes for admins and supervisors need, plugged together by app.py?"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hil_inbox.adapters.audit_store import AuditStore
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.session_store import SessionStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.domain.people import Role
from hil_inbox.domain.principal import Principal
from hil_inbox.handlers.admit import Admission
from hil_inbox.handlers.front_desk import FrontDesk
from http_gate.secret_text import hash_of


@dataclass(frozen=True, slots=True)
class StaffRoom:
    """Stores of people and of what lets them in."""

    people: PeopleStore
    tokens: TokenStore
    sessions: SessionStore
    one_time: OneTimeStore
    audit: AuditStore
    admission: Admission
    desk: FrontDesk
    now_ms: Callable[[], int]

    async def note(self, principal: Principal, action: str, **details: object) -> None:
        """Who did what, in the audit."""
        await self.desk.note(principal.tenant, principal.actor_id, action, **details)

    async def note_denied(self, principal: Principal, request: str, needed: Role) -> None:
        """A denied attempt: one entry a minute for each kind, so that a loop cannot fill the audit."""
        now_ms = self.now_ms()
        what = {"action": "denied", "request": request, "needed_role": needed, "key": "", "at_ms": now_ms}
        who = {"tenant": principal.tenant, "actor_id": principal.actor_id}
        name = f"{principal.tenant}/denied/{principal.actor_id}/{hash_of(needed)[:8]}/{now_ms // 60_000}"
        await self.audit.note(name, {**who, **what})

    async def prepare(self) -> None:
        """Declare all indexes; at each start, before use."""
        for store in (self.people, self.tokens, self.sessions, self.one_time, self.desk.attempts):
            await store.prepare()

    @property
    def sweeps(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """What removes that which has expired."""
        stores = (self.sessions, self.one_time, self.desk.attempts)
        return tuple(lambda store=store: store.sweep(now_ms=self.now_ms()) for store in stores)
