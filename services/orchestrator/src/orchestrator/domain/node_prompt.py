"""What is the model of a node asked first?"""

from collections.abc import Callable
from typing import TypeAlias

from contracts.completions import PromptMessage
from orchestrator.domain.code_prompt import CodeTask, code_rules
from orchestrator.domain.context import prompt_of
from orchestrator.domain.expression import render, render_value
from orchestrator.domain.untrusted import DATA_RULE, as_data, data_nodes
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue, Node

Scope: TypeAlias = Callable[[], dict[str, JsonValue]]
"""Names for expressions, worked out only where they are needed."""


def first_prompt(view: View, node: Node, scope: Scope) -> tuple[PromptMessage, ...]:
    """The node's instructions, untrusted results in them marked as data, and what was said before."""
    data = data_nodes(view, node.id)
    rules = (DATA_RULE,) if node.tools or data else ()
    return _prompt(view, node, scope, data=data, rules=rules)


def code_task(view: View, node: Node, scope: Scope) -> CodeTask:
    """What a code node starts from: the same, the rules of its kind, and its inputs."""

    def inputs() -> dict[str, JsonValue]:
        rendered = render_value(dict(node.inputs), scope())
        assert isinstance(rendered, dict)
        return rendered

    def prompt() -> tuple[PromptMessage, ...]:
        rules = (code_rules(node, inputs(), seed=view.id_of(node.id, "inputs", 0)), DATA_RULE)
        return _prompt(view, node, scope, data=data_nodes(view, node.id), rules=rules)

    return CodeTask(prompt, inputs)


def _prompt(
    view: View, node: Node, scope: Scope, *, data: frozenset[str], rules: tuple[str, ...]
) -> tuple[PromptMessage, ...]:
    def shown(text: str, names: frozenset[str]) -> str:
        sources = sorted(names & data)
        seed = view.id_of(node.id, f"prompt/{'/'.join(sources)}", 0)
        return as_data(text, f"tools, by way of {', '.join(sources)}", seed=seed) if sources else text

    instructions = render(node.prompt, scope(), shown)
    return prompt_of(view.state, view.execution, view.workflow, instructions=instructions, rules=rules)
