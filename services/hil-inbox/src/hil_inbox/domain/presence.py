"""What is known of a person who is there?"""

from dataclasses import dataclass, field

from hil_inbox.domain.assignment import Agent, Status
from hil_inbox.domain.people import Person


@dataclass(frozen=True, slots=True)
class Present:
    """A person with a lease. `idle_ms` is when something of theirs last ended, `assigned_ms` when they were last given
    something, `load_seen` what they had in hand then; Unix milliseconds of the Redis server."""

    actor_id: str
    status: Status
    since_ms: int
    idle_ms: int = 0
    assigned_ms: int = 0
    load_seen: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """A handover that was given to somebody while it was in this epoch; documents may not show it yet."""

    handover_id: str
    epoch: int
    actor_id: str


@dataclass(frozen=True, slots=True)
class Roll:
    """Who is there at a moment, and what was given a short while ago."""

    now_ms: int
    people: dict[str, Present] = field(default_factory=dict)
    given: tuple[Given, ...] = ()


def agent_of(present: Present, person: Person | None, *, load: int, capacity: int) -> Agent:
    """Who may be given something. `capacity` counts for those whom only a token's word introduces."""
    return Agent(
        id=present.actor_id,
        status=present.status,
        capacity=capacity if person is None else 0 if person.disabled else person.capacity,
        load=load,
        skills=frozenset(person.skills if person else ()),
        teams=frozenset(person.teams if person else ()),
        languages=frozenset(person.languages if person else ()),
        idle_since_ms=max(present.since_ms, present.idle_ms, present.assigned_ms),
        assigned_ms=present.assigned_ms,
    )
