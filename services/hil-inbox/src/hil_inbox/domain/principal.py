"""On whose behalf does a request come, and what may it do?"""

from dataclasses import dataclass

from hil_inbox.domain.people import ROLES, SCOPES_OF_ROLES, Person, Role, Scope, at_least, lesser
from hil_inbox.domain.tokens import Token

SCOPE_OF_ROLE: dict[Role, Scope] = {"agent": "inbox:act", "supervisor": "inbox:supervise", "admin": "inbox:admin"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, or a token that acts for one. Everything that a request may touch is of this tenant."""

    tenant: str
    actor_id: str
    name: str
    role: Role
    scopes: frozenset[Scope]
    teams: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()

    @property
    def supervises(self) -> bool:
        """May act on what others own."""
        return self.may("supervisor")

    def may(self, needed: Role) -> bool:
        """Whether role and scopes allow what this role may."""
        return at_least(self.role, needed) and SCOPE_OF_ROLE[needed] in self.scopes


def of_person(person: Person) -> Principal:
    """Somebody with a session of their own."""
    return _principal(person, person.role, SCOPES_OF_ROLES[person.role])


def of_token(token: Token, person: Person | None, *, named: str | None) -> Principal | str:
    """Whom a living token lets act, or why nobody. `named` is the agent whom a desk names (scope `act_as`); `person` is
    the document of that agent, or of the token's owner. A desk may have agents whom we do not know: those are agents
    and no more."""
    if named is not None and "act_as" not in token.scopes:
        return "the token has no scope act_as, so it may not name an agent in Hil-Actor"
    if person is not None and person.disabled:
        return "the person is disabled"
    if person is None and named is None and token.actor_id is not None:
        return "the token's person does not exist any more"
    if person is not None:
        return _principal(person, lesser(token.role, person.role), frozenset(token.scopes))
    actor_id = named or f"service-{token.token_id}"
    role: Role = ROLES[0] if named is not None else token.role
    return Principal(token.tenant, actor_id, named or token.label, role, frozenset(token.scopes))


def missing_scope(principal: Principal, method: str) -> Scope | None:
    """The scope that a request of this method lacks, whatever it asks for."""
    needed: Scope = "inbox:read" if method in _SAFE else "inbox:act"
    return None if needed in principal.scopes else needed


def _principal(person: Person, role: Role, scopes: frozenset[Scope]) -> Principal:
    return Principal(
        tenant=person.tenant,
        actor_id=person.actor_id,
        name=person.name or person.actor_id,
        role=role,
        scopes=scopes,
        teams=frozenset(person.teams),
        skills=frozenset(person.skills),
    )
