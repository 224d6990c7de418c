"""Which answers has a test written down for the model to give?"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from hil.replay_model.answers import Answer, Cut, HttpError, Malformed, Never, Reply, ToolCall
from hil.replay_model.request import ChatRequest, offered_name

_KINDS = ("text", "json_", "tool_calls", "status", "malformed", "never")


class ScriptError(Exception):
    """A script file cannot be used; the text names the file and the field."""


class ScriptedCall(BaseModel):
    """`arguments` may be a text, to write what is not JSON. Without `id` the call is numbered."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    arguments: dict[str, JsonValue] | str = {}
    id: str | None = None


class Rule(BaseModel):
    """One answer, given to the first `times` requests whose last message matches `match` (`times` None: to all).
    `cut_after_bytes` breaks the connection within a text, JSON or tool call answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    match: str | None = None
    times: int | None = Field(1, ge=1)
    delay_seconds: float = Field(0.0, ge=0)
    text: str | None = None
    json_: JsonValue | None = Field(None, alias="json")
    tool_calls: tuple[ScriptedCall, ...] | None = None
    status: int | None = Field(None, ge=400, le=599)
    retry_after_seconds: float | None = None
    malformed: str | None = None
    cut_after_bytes: int | None = Field(None, ge=0)
    never: Literal[True] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1 and set(kinds) != {"text", "tool_calls"}:
            raise ValueError(f"a rule gives exactly one of {', '.join(_KINDS)}; this one gives {kinds or 'none'}")
        re.compile(self.match or "")
        return self

    def answer(self, request: ChatRequest, *, number: int) -> Answer:
        if self.status is not None:
            return HttpError(self.status, f"scripted error {self.status}", self.retry_after_seconds)
        if self.malformed is not None:
            return Malformed(self.malformed)
        if self.never:
            return Never()
        text = self.text or "" if self.json_ is None else json.dumps(self.json_, ensure_ascii=False)
        calls = [_call(call, request, f"call_{number}_{i}") for i, call in enumerate(self.tool_calls or ())]
        reply = Reply(text, tuple(calls))
        return reply if self.cut_after_bytes is None else Cut(reply, self.cut_after_bytes)


class Script:
    """Rules in order; each request takes the first that matches and is not used up."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = list(rules)
        self._left = [rule.times for rule in rules]
        self._number = 0

    def take(self, request: ChatRequest) -> tuple[Answer, float] | None:
        """The answer and the seconds to wait before it; None when no rule is left for this request."""
        said = request.messages[-1].content
        for index, rule in enumerate(self._rules):
            left = self._left[index]
            if left == 0 or not re.search(rule.match or "", said):
                continue
            self._left[index] = None if left is None else left - 1
            self._number += 1
            return rule.answer(request, number=self._number), rule.delay_seconds
        return None


class _ScriptFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rules: list[Rule]


def load_script(path: Path) -> Script:
    """Read `{"rules": [...]}`. Raises ScriptError."""
    try:
        return Script(_ScriptFile.model_validate_json(path.read_bytes()).rules)
    except (OSError, ValidationError) as error:
        raise ScriptError(f"{path}: {error}") from error


def _call(call: ScriptedCall, request: ChatRequest, default_id: str) -> ToolCall:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    return ToolCall(call.id or default_id, offered_name(call.name, request.tools) or call.name, arguments)
