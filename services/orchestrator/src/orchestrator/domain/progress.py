"""How far is a node, or one step of it?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from contracts.envelope import BasedOn
from orchestrator.domain.state import Command, Issued, Outcome
from orchestrator.domain.workflow import JsonValue, Limit


@dataclass(frozen=True, slots=True)
class Idle:
    """Waits for nodes before it."""


@dataclass(frozen=True, slots=True)
class Dead:
    """No edge leads here any more."""


@dataclass(frozen=True, slots=True)
class Done:
    """Finished with an output."""

    output: JsonValue


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is on its way, or a backoff runs; at `due_ms` (log time) it must be looked at again."""

    due_ms: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A command is to be issued now; `timeout_ms` after the decision it must be looked at again.

    `has_more`: other commands are ready beside it. `others_due_ms`: what runs beside it is due then."""

    id: str
    build: Callable[[BasedOn], Command]
    timeout_ms: int
    has_more: bool = False
    others_due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed for good; `limit` names the reaction that the workflow declares."""

    limit: Limit
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The execution goes to a human agent, `default_text` being said to the customer before. `unsure`: a node and its
    answer, where that answer is why."""

    reason: str
    detail: str
    default_text: str | None = None
    unsure: tuple[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """One command got its final result."""

    issued: Issued
    outcome: Outcome


Progress: TypeAlias = Idle | Dead | Done | Waiting | Ready | Failed | Ends


def first_step(states: Sequence[object]) -> Ready | Waiting | None:
    """Of steps that go on side by side: the first that is ready, with what it must know of the others; else the wait
    for the one that is due first; None when there is neither."""
    dues = [state.due_ms for state in states if isinstance(state, Waiting)]
    ready = [state for state in states if isinstance(state, Ready)]
    if ready:
        dues += [state.others_due_ms for state in ready if state.others_due_ms is not None]
        has_more = len(ready) > 1 or ready[0].has_more
        return replace(ready[0], has_more=has_more, others_due_ms=min(dues, default=None))
    return Waiting(min(dues)) if dues else None
