"""What is the model of a code node told: the rules before it starts, and what came of each round?"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.completions import PromptMessage
from orchestrator.domain.code_answer import TOOL_RESULTS
from orchestrator.domain.completion_step import Prompt
from orchestrator.domain.extent import Extent, extent_of
from orchestrator.domain.tool_step import Answered
from orchestrator.domain.untrusted import as_data, as_text, bounded
from orchestrator.domain.workflow import JsonValue, Node

SHOWN_CHARACTERS_MAX: Final = 10_000
"""Of the inputs, of a result and of what was printed; the code itself gets and gives them whole."""
INPUTS_MAX: Final = Extent(200_000, 8_000, 24)
"""Of a node's inputs, and once more of all that tools returned; the tool runner takes 1,000,000 characters, 20,000
values and a depth of 32 in all."""
_RULES: Final = """\
You solve this task by writing Python code, which is run for you. Answer with a JSON object:
- "plan": in a few sentences, what you do next and why.
- "do": "run" to have "code" run; "use_result" to end with exactly what the last run left in `result`; "answer" to end \
with "answer", any JSON value.
The code finds its inputs under the name `inputs` and must bind what it has found, as a JSON value, to the name \
`result`. What it prints is shown to you. It has Python's standard library, no network and no files from outside; \
nothing is kept from one run to the next. It is run at most {runs} times."""
_TOOLS: Final = f"""
Code cannot call tools: call the tools that you were given instead of answering. The next run finds what they returned \
in `inputs["{TOOL_RESULTS}"]`, a list of {{"tool", "arguments", "result", "is_error"}} in the order of the calls."""


@dataclass(frozen=True, slots=True)
class CodeTask:
    """What a code node starts from; both are worked out only where they are needed."""

    first_prompt: Prompt
    inputs: Callable[[], dict[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Run:
    """How one run ended. `error` is empty where the code came to its end, and only then `result` counts."""

    result: JsonValue = None
    error: str = ""
    printed: str = ""
    files: tuple[str, ...] = ()


def code_rules(node: Node, inputs: Mapping[str, JsonValue], *, seed: str) -> str:
    """The rules of the node's kind, the schema of its answer, and its inputs as far as they can be shown."""
    rules = _RULES.format(runs=node.limits.attempts_max) + (_TOOLS if node.tools else "")
    if node.output_schema is not None:
        rules += f"\nWhat you end with must fit this JSON Schema: {json.dumps(node.output_schema, ensure_ascii=False)}"
    if not inputs:
        return rules
    shown = bounded(json.dumps(inputs, ensure_ascii=False), SHOWN_CHARACTERS_MAX)
    return f"{rules}\nThe inputs:\n{as_data(shown, 'the workflow', seed=seed)}"


def read_run(answered: Answered) -> Run:
    """What `code.run` says: {result, stdout, files}, or an error."""
    content = answered.content
    if not isinstance(content, dict):
        return Run(error=answered.text or "it failed") if answered.is_error else Run(content)
    error, files = content.get("error"), content.get("files")
    names = tuple(files) if isinstance(files, dict | list) else ()
    printed = as_text(content.get("stdout") or "")
    if answered.is_error or error:
        return Run(error=as_text(error) if error else answered.text, printed=printed)
    return Run(content.get("result"), printed=printed, files=tuple(map(str, names)))


def with_tool_results(inputs: dict[str, JsonValue], answers: tuple[Answered, ...]) -> dict[str, JsonValue]:
    """The inputs of a run: the node's own, and what tools were asked and returned so far, the newest where not all find
    room."""
    characters, values, entries = 0, 0, list[JsonValue]()
    for answer in reversed(answers):
        arguments: JsonValue = answer.call.arguments
        extent = extent_of(answer.content).beside(extent_of(arguments))
        called: dict[str, JsonValue] = {"tool": answer.call.tool, "arguments": {}}
        entry: dict[str, JsonValue] = {**called, "result": None, "is_error": answer.is_error}
        if is_too_large(Extent(characters + extent.characters, values + extent.values, extent.depth)):
            entry["left_out"] = f"it has {extent}; all results together may have {INPUTS_MAX}"
        else:
            characters, values = characters + extent.characters, values + extent.values
            entry["arguments"], entry["result"] = arguments, answer.content
        entries.append(entry)
    return {**inputs, TOOL_RESULTS: entries[::-1]}


def is_too_large(extent: Extent) -> bool:
    """Whether a run cannot take it."""
    most = INPUTS_MAX
    return extent.characters > most.characters or extent.values > most.values or extent.depth > most.depth


def told(text: str, *, rounds_left: int) -> Prompt:
    """The next prompt: a word on the round before, and how many are left."""
    left = f"It can be run {rounds_left} more times." if rounds_left else "It is not run again: end now."
    return lambda: (PromptMessage(role="user", content=f"{text}\n{left}"),)


def account_of(run: Run, *, seed: str) -> str:
    """How a run ended, in words for the model; all that the code said stands in it as data."""
    parts = [f"error: {run.error}"] if run.error else [f"result: {json.dumps(run.result, ensure_ascii=False)}"]
    parts += [f"printed: {run.printed}"] if run.printed else []
    parts += [f"files: {', '.join(run.files)}"] if run.files else []
    said = "\n".join(bounded(part, SHOWN_CHARACTERS_MAX) for part in parts)
    head = "Your code failed." if run.error else "Your code has run."
    return f"{head} {as_data(said, 'your code', seed=seed)}"
