"""Is the published JSON Schema of manifests up to date, and does it accept what the tool runner accepts?"""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.support.deployment_files import BASE

from tool_runner.adapters.manifest_schema import SCHEMA_FILE, schema_text

GOOD = """
permissions: [money]
approvals: {dear: {when: "arguments.amount > `100`"}, careful: {includes: [dear]}}
grants: [{name: all, tools: [shop.*], permissions: [money], when: ["amount < `9`"]}]
servers:
  - name: shop
    command: [python, -m, shop]
    defaults: {cost_usd: 0.001, side_effect: read}
    tools: {pay: {approvals: [careful], quotas: [{per: entity, calls_max: 3, window: day}], result_pii: redact}}
"""


def errors_of(text: str) -> list[Any]:
    return list(Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).iter_errors(yaml.safe_load(text)))


def test_it_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run `make catalogue`"


def test_manifests_keep_to_it() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))
    assert errors_of(GOOD) == []
    assert errors_of((BASE / "config/tool-servers.yaml").read_text()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("command:", "comand:"),
        ("cost_usd: 0.001", "cost_usd: -1"),
        ("side_effect: read", "side_effect: raed"),
        ("calls_max: 3", "calls_max: 0"),
        ("window: day", "window: week"),
        ("tools: [shop.*]", "tools: []"),
        ("name: shop", "name: Shop"),
        ("result_pii: redact", "result_pii: hide"),
    ],
)
def test_an_editor_shows_the_same_mistakes(old: str, new: str) -> None:
    assert errors_of(GOOD.replace(old, new))
