"""How far is a node, or one step of it?"""

from collections.abc import Callable
from dataclasses import dataclass
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
    """A command is to be issued now; `timeout_ms` after the decision it must be looked at again."""

    id: str
    build: Callable[[BasedOn], Command]
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed for good; `limit` names the reaction that the workflow declares."""

    limit: Limit
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The execution goes to a human agent, `default_text` being said to the customer before."""

    reason: str
    detail: str
    default_text: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """One command got its final result."""

    issued: Issued
    outcome: Outcome


Progress: TypeAlias = Idle | Dead | Done | Waiting | Ready | Failed | Ends
