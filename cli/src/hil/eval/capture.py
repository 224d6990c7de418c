"""Which case of a suite is a conversation or execution that has happened, without what is personal in it?"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from contracts.conversations import MessageReceived
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished, StartExecution
from hil.eval.judge_case import is_expected
from hil.eval.observe import ToolCall, observe
from hil.eval.suite import Case, ExpectedCall

Mask = Callable[[str], str]
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Captured:
    """The case, its workflow, and how many values were masked in it."""

    workflow: str
    case: Case
    masked: int


class NotCaptured(ValueError):
    """The log holds nothing that could be played again; the text says why."""


def captured(key: str, entries: Sequence[LogEntry], mask: Mask, *, reads: frozenset[str]) -> Captured:
    """What was said or put in, where it ended, and its effects: calls of tools that are not among `reads`. Arguments
    with something personal in them are left out, for a trial will not have the same. What came after a handover is left
    out, too: a trial ends there. Raises NotCaptured."""
    entries = _until_a_person_has_it(entries)
    seen = observe(entries)
    ends = [entry.message for entry in entries if isinstance(entry.message, ExecutionFinished)]
    if seen.sink is None or not ends:
        raise NotCaptured(f"{key} has not ended: there is no outcome to expect")
    counting = _Counting(mask)
    said = [counting(text) for text in _said(entries)]
    inputs = [entry.message.input for entry in entries if isinstance(entry.message, StartExecution)]
    if not said and not inputs:
        raise NotCaptured(f"{key} has neither a customer's message nor the input of an execution")
    case = Case.model_validate(
        {
            "id": _NOT_IN_ID.sub("_", key)[:64],
            **_beginning(said, inputs, counting),
            "expected_sink": ends[-1].sink,
            "expected_reason": ends[-1].reason if ends[-1].sink == "HANDOVER" else None,
            "tool_calls": _effects(seen.tool_calls, counting, reads),
        }
    )
    return Captured(ends[-1].workflow, case, counting.masked)


@dataclass(slots=True)
class _Counting:
    """A mask that counts the texts that it changed."""

    mask: Mask
    masked: int = 0

    def __call__(self, text: str) -> str:
        found = self.mask(text)
        self.masked += found != text
        return found

    def value(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self(value)
            case dict():
                return {self(name): self.value(inner) for name, inner in value.items()}
            case list():
                return [self.value(inner) for inner in value]
            case _:
                return value


def _until_a_person_has_it(entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
    """Up to the first thing that a customer said to a person."""
    was_handed_over = False
    for place, entry in enumerate(entries):
        was_handed_over |= isinstance(entry.message, ExecutionFinished) and entry.message.sink == "HANDOVER"
        if was_handed_over and isinstance(entry.message, MessageReceived):
            return entries[:place]
    return entries


def _said(entries: Iterable[LogEntry]) -> Iterable[str]:
    """The first text of each turn."""
    turns: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry.message, MessageReceived) and entry.message.author == "customer":
            turns.setdefault(entry.message.turn_id, entry.message.text)
    return turns.values()


def _beginning(
    said: Sequence[str], inputs: Sequence[Mapping[str, JsonValue]], counting: _Counting
) -> dict[str, JsonValue]:
    if not said:
        return {"input": counting.value(dict(inputs[0]))}
    return {"text": said[0]} if len(said) == 1 else {"turns": list(said)}


def _effects(calls: Iterable[ToolCall], counting: _Counting, reads: frozenset[str]) -> list[JsonValue]:
    """Each effect once, with how many calls a case that expects it would count: those with more arguments, too."""
    effects = [call for call in calls if call.tool not in reads and call.outcome in ("completed", "error")]
    found: list[ExpectedCall] = []
    for call in effects:
        arguments = {name: value for name, value in call.arguments.items() if counting.value(value) == value}
        expected = ExpectedCall(tool=call.tool, arguments=arguments)
        if expected not in found:
            found.append(expected)
    counted = [(one, sum(is_expected(call, one) for call in effects)) for one in found]
    return [one.model_copy(update={"times": times}).model_dump(mode="json") for one, times in counted]
