"""What may the model of a code node answer, and what does an answer say?"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from orchestrator.domain.workflow import JsonValue, Node, NodeKind

CODE_TOOL: Final = "code.run"
TOOL_RESULTS: Final = "tool_results"
CODE_CHARACTERS_MAX: Final = 50_000
ANSWER_SCHEMA: Final[dict[str, JsonValue]] = {
    "type": "object",
    "required": ["do", "plan"],
    "properties": {
        "do": {"enum": ["answer", "run", "use_result"]},
        "plan": {"type": "string", "maxLength": 10_000},
        "code": {"type": "string", "maxLength": CODE_CHARACTERS_MAX},
        "answer": {},
    },
}
"""Flat, without oneOf: providers differ in what they make of it. What belongs together is checked here."""


@dataclass(frozen=True, slots=True)
class RunCode:
    """This code is to be run."""

    code: str


@dataclass(frozen=True, slots=True)
class UseResult:
    """The last run's result is the answer."""


@dataclass(frozen=True, slots=True)
class GiveAnswer:
    """The model's own answer."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why the answer can be used for nothing, in words for the model."""

    problem: str


Step: TypeAlias = RunCode | UseResult | GiveAnswer | Unusable


def answer_schema(node: Node) -> dict[str, JsonValue] | None:
    """The schema that each completion of a node has to fit."""
    if node.kind is NodeKind.CODE:
        return ANSWER_SCHEMA
    return dict(node.output_schema) if node.output_schema is not None else None


def read_answer(output: JsonValue) -> Step:
    """What an answer asks for; whatever it is, there is a word on it."""
    match output:
        case {"do": "run", "code": str(code)} if code.strip():
            if len(code) > CODE_CHARACTERS_MAX:
                return Unusable(f"`code` has {len(code)} characters (limit {CODE_CHARACTERS_MAX})")
            return RunCode(code)
        case {"do": "run"}:
            return Unusable("`do` is `run`, but there is no `code`")
        case {"do": "use_result"}:
            return UseResult()
        case {"do": "answer", "answer": value}:
            return GiveAnswer(value)
        case {"do": "answer"}:
            return Unusable("`do` is `answer`, but there is no `answer`")
        case _:
            return Unusable("`do` must be `run`, `answer` or `use_result`")
