"""Does loading any bytes end in a workflow or in WorkflowErrors, never in anything else?"""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_workflow_errors(source: bytes) -> None:
    with pytest.raises(WorkflowErrors):
        load_workflow(source, file_name="random.yaml")


_WORDS = st.sampled_from([
    "name", "version", "agents", "workflow", "nodes", "edges", "limits", "hil", "slos", "deployment",
    "id", "type", "agent", "kind", "prompt", "tools", "on_limit", "fallback", "default_response",
    "max_cost", "max_retries", "retry_backoff", "timeout_ms", "stages", "rollout", "duration",
    "condition", "expression", "from", "to", "a", "b", "rule", "simple", "sink", "action", "reply",
    "start", "policies", "when", "alerts", "output_schema", "arguments", "form", "5%", "7d", "uncapped",
    "retry",
])  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | _WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(_WORDS, _VALUES, max_size=8))
def test_no_yaml_raises_anything_but_workflow_errors(value: dict[str, object]) -> None:
    with pytest.raises(WorkflowErrors):
        load_workflow(yaml.safe_dump(value).encode(), file_name="random.yaml")


_PARTS = Path(__file__).with_name("spec_example.yaml").read_text().splitlines()


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_mutilated_file_loads_or_raises_workflow_errors(data: st.DataObject) -> None:
    lines = list(_PARTS)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        words = re.split(r"(\W+)", lines[index])
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(_WORDS | st.text(max_size=4))
        lines[index] = "".join(words)
    try:
        load_workflow("\n".join(lines).encode(), file_name="mutilated.yaml")
    except WorkflowErrors as errors:
        assert all(1 <= error.line <= len(lines) + 1 and error.message for error in errors.errors)
