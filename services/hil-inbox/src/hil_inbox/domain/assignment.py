"""Which waiting handover goes to which agent?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from hil_inbox.domain.queues import AssignmentMode, Queue

Status = Literal["online", "busy", "away"]
LOAD_STEPS = 1_000_000
"""Shares of a capacity are compared as whole numbers."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A handover that nobody owns. `taken_from` had it last, until `released_ms`."""

    id: str
    queue: str
    team: str | None = None
    skills: frozenset[str] = frozenset()
    language: str | None = None
    due_ms: int = 0
    rank: int = 2
    opened_ms: int = 0
    taken_from: str | None = None
    released_ms: int = 0

    @property
    def place(self) -> tuple[int, int, int]:
        """Its values of `queue_position.ORDER`."""
        return self.due_ms, self.rank, self.opened_ms


@dataclass(frozen=True, slots=True)
class Agent:
    """A person and what they have in hand. No languages: none was stated, and every one is tried."""

    id: str
    status: Status
    capacity: int
    load: int = 0
    skills: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    idle_since_ms: int = 0
    assigned_ms: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """This handover is to go to this agent."""

    handover_id: str
    agent_id: str


def assign(
    waiting: Iterable[QueueRow], agents: Iterable[Agent], queues: Mapping[str, Queue], *, now_ms: int
) -> list[Assignment]:
    """Most urgent first: what is due first, then rank, then age. Same arguments, same answer, in whatever order they
    come. Nobody gets more than their capacity, and no row is left while somebody fits it and has room."""
    people = {agent.id: agent for agent in agents}
    made: list[Assignment] = []
    for row in sorted(waiting, key=urgency):
        queue = queues.get(row.queue)
        if queue is None or queue.mode == "claim":
            continue
        able = [one for one in people.values() if has_room(one) and fits(row, one, queue, now_ms=now_ms)]
        if not able:
            continue
        chosen = min(able, key=lambda one: _turn(one, queue.mode))
        made.append(Assignment(row.id, chosen.id))
        people[chosen.id] = _with_one_more(chosen, at_ms=now_ms + len(made))
    return made


def urgency(row: QueueRow) -> tuple[int, int, int, str]:
    """Sort key of the queue: its order, then the id."""
    return *row.place, row.id


def has_room(agent: Agent) -> bool:
    """Whether something may be given to this agent now."""
    return agent.status == "online" and agent.load < agent.capacity


def fits(row: QueueRow, agent: Agent, queue: Queue, *, now_ms: int) -> bool:
    """Whether this agent may have this handover, whatever they have in hand."""
    if row.taken_from == agent.id and now_ms < row.released_ms + queue.cool_down_ms:
        return False
    if row.language is not None and agent.languages and row.language not in agent.languages:
        return False
    return serves(agent, queue, team=row.team) and (row.skills <= agent.skills or _relaxed(row, queue, now_ms))


def serves(agent: Agent, queue: Queue, *, team: str | None = None) -> bool:
    """Whether this agent works on this queue, or in this team where a handover names one."""
    if team is not None:
        return team in agent.teams
    return not queue.teams or bool(queue.teams & agent.teams)


def online_for(agents: Sequence[Agent], queue: Queue) -> int:
    """How many people are there for a queue, however much they have in hand."""
    return sum(1 for agent in agents if agent.status == "online" and serves(agent, queue))


def _relaxed(row: QueueRow, queue: Queue, now_ms: int) -> bool:
    return queue.relax_skills_after_ms is not None and now_ms >= row.opened_ms + queue.relax_skills_after_ms


def _turn(agent: Agent, mode: AssignmentMode) -> tuple[int, int, int, str]:
    """Whose turn it is: the smallest."""
    match mode:
        case "round_robin" | "claim":
            return 0, agent.assigned_ms, agent.load, agent.id
        case "longest_idle":
            return int(agent.load > 0), agent.idle_since_ms, agent.assigned_ms, agent.id
        case "least_loaded":
            return agent.load * LOAD_STEPS // agent.capacity, agent.assigned_ms, agent.load, agent.id
        case _:  # pragma: no cover - the type checker proves that it cannot be
            assert_never(mode)


def _with_one_more(agent: Agent, *, at_ms: int) -> Agent:
    return replace(agent, load=agent.load + 1, assigned_ms=at_ms, idle_since_ms=at_ms)
