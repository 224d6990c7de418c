"""Does the validator, as tools' schemas are compiled here, pass the official suite of JSON Schema Draft 2020-12?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.support.json_schema_suite import suite_folder
from tool_runner.adapters.tool_registry import RegisteredTool, ToolRegistry
from tool_runner.domain.manifest import ListedTool, ServerRules

REMOTE = "http://localhost:1234/"
"""The suite's own server, which nobody may ask here: its schemas are in the folder `remotes`."""
NEED_REMOTES = {"refRemote.json": 15, "dynamicRef.json": 5, "vocabulary.json": 2}
"""Groups of required tests whose schemas refer to other documents. They are refused here on purpose."""
OPTIONAL_DIFFERENCES = {
    "optional/bignum.json": "a number beyond 64 bits in a schema: the tool is not offered",
    "optional/cross-draft.json": "refers to another document: refused",
    "optional/format-assertion.json": "its metaschema is another document: refused",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Some values for one schema, and whether each fits."""

    file: str
    description: str
    schema: dict[str, Any]
    tests: list[dict[str, Any]]


@cache
def groups(folder: str) -> list[Group]:
    """Of all files of the folder, not of those below."""
    tests = suite_folder() / "tests" / "draft2020-12"
    return [group for path in sorted((tests / folder).glob("*.json")) for group in _groups(path, tests)]


def _groups(path: Path, tests: Path) -> Iterator[Group]:
    for group in json.loads(path.read_text("utf-8")):
        # A tool's schema is always an object; `{"allOf": [true]}` is `true`.
        schema = group["schema"] if isinstance(group["schema"], dict) else {"allOf": [group["schema"]]}
        yield Group(str(path.relative_to(tests)), group["description"], schema, group["tests"])


def registered(checked: list[Group]) -> list[RegisteredTool | None]:
    """None for a tool that is not offered."""
    registry = ToolRegistry({"suite": ServerRules("suite")})
    registry.replace("suite", [ListedTool(str(place), "", group.schema) for place, group in enumerate(checked)])
    found = [registry.find(f"suite.{place}") for place in range(len(checked))]
    return [one if isinstance(one, RegisteredTool) else None for one in found]


def differences(group: Group, tool: RegisteredTool) -> list[str]:
    """Descriptions of the tests that end otherwise."""
    return [
        f"{group.file}: {group.description}: {test['description']}"
        for test in group.tests
        if (next(iter(tool.validator.iter_errors(test["data"])), None) is None) is not test["valid"]
    ]


def test_all_required_tests_pass_but_those_that_need_another_document() -> None:
    checked = groups("")
    assert sum(len(group.tests) for group in checked) > 1_200
    refused = dict.fromkeys(NEED_REMOTES, 0)
    for group, tool in zip(checked, registered(checked), strict=True):
        if tool is None:
            assert REMOTE in json.dumps(group.schema) and group.file in refused, group
            refused[group.file] += 1
        else:
            assert differences(group, tool) == []
    assert refused == NEED_REMOTES


def test_the_refused_ones_pass_where_the_other_documents_are_given() -> None:
    """So that it is the wiring that refuses them, and the validator knows what they are about."""
    remotes = suite_folder() / "remotes"
    documents = [
        (f"{REMOTE}{path.relative_to(remotes)}", json.loads(path.read_text("utf-8")))
        for path in [*remotes.glob("*.json"), *(remotes / "draft2020-12").rglob("*.json")]
    ]
    registry = jsonschema_rs.Registry(documents)
    checked = [group for group in groups("") if group.file in NEED_REMOTES]
    for group in checked:
        validator = jsonschema_rs.validator_for(group.schema, mask="[value]", registry=registry)
        wrong = [test for test in group.tests if validator.is_valid(test["data"]) is not test["valid"]]
        assert wrong == [], group


def test_optional_tests_pass_but_those_that_need_another_document() -> None:
    checked = groups("optional")
    assert len(checked) > 40
    refused = set()
    for group, tool in zip(checked, registered(checked), strict=True):
        if tool is None:
            refused.add(group.file)
        else:
            assert differences(group, tool) == []
    assert refused == set(OPTIONAL_DIFFERENCES)


@pytest.mark.parametrize("word", ["date-time", "email", "uuid"])
def test_format_is_a_remark_and_refuses_nothing(word: str) -> None:
    """As the draft has it; a schema that must refuse says `pattern`."""
    checked = [group for group in groups("optional/format") if group.file == f"optional/format/{word}.json"]
    wrong = [
        line
        for group, tool in zip(checked, registered(checked), strict=True)
        if tool
        for line in differences(group, tool)
    ]
    invalid = [test for group in checked for test in group.tests if not test["valid"]]
    assert len(wrong) == len(invalid) > 0
