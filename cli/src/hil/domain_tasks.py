"""What does a customer of a τ²-bench task say first, and which calls are expected then?"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue

# The parts of a τ²-bench scenario that the customer says, in this order.
OPENING_FIELDS = ("reason_for_call", "known_info", "unknown_info", "task_instructions")

Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class DomainError(Exception):
    """A domain file, or a file that it names, cannot be used; the text names the file, the field and the value."""


class Action(BaseModel):
    """A tool call that a task expects. `compare_args` limits a comparison to these arguments; None is all."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    arguments: dict[str, JsonValue] = {}
    compare_args: list[str] | None = None


class _Criteria(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    actions: list[Action] | None = None
    communicate_info: list[Text] | None = None


class _Scenario(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    instructions: str | dict[str, JsonValue]


class TaskRecord(BaseModel):
    """A task as τ²-bench writes it; what is not needed here is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: Text
    user_scenario: _Scenario
    evaluation_criteria: _Criteria | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One τ²-bench task. `opening` is what the customer writes first."""

    id: str
    opening: str
    actions: tuple[Action, ...] = ()
    communicate_info: tuple[str, ...] = ()


def task_of(record: TaskRecord) -> Task:
    """The task of a record."""
    criteria = record.evaluation_criteria or _Criteria()
    return Task(
        record.id,
        _opening(record.user_scenario.instructions),
        tuple(criteria.actions or ()),
        tuple(criteria.communicate_info or ()),
    )


def _opening(instructions: str | dict[str, JsonValue]) -> str:
    if isinstance(instructions, str):
        return instructions.strip()
    said = (instructions.get(field) for field in OPENING_FIELDS)
    return "\n".join(text.strip() for text in said if isinstance(text, str) and text.strip(". \n"))


def check_openings(path: Path, tasks: Iterable[Task]) -> None:
    """Raises DomainError where two tasks begin alike and expect different calls."""
    seen: dict[str, Task] = {}
    for task in tasks:
        twin = seen.setdefault(task.opening, task)
        if (twin.actions, twin.communicate_info) != (task.actions, task.communicate_info):
            raise DomainError(f"{path}: tasks {twin.id} and {task.id} have one scenario and expect different calls")
