"""Is the published JSON Schema of models files up to date, and does it accept what the gateway accepts?"""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from llm_gateway.adapters.models_schema import SCHEMA_FILE, schema_text
from llm_gateway.settings import Settings

GOOD = """
providers: {default: {base_url: "", requests_per_minute: 60, pii: mask}}
models: {m: {price: {input: 5, output: 7}, context_tokens_max: 10, output_tokens_max: 5, capabilities: [tools]}}
profiles: {fast: [m], slow: {models: [m], fallback: fast}}
"""


def errors_of(text: str) -> list[Any]:
    return list(Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).iter_errors(yaml.safe_load(text)))


def test_it_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run `make catalogue`"


def test_the_shipped_file_names_it_and_keeps_to_it() -> None:
    shipped = Settings().models_file
    assert shipped.read_text().splitlines()[0] == f"# yaml-language-server: $schema={SCHEMA_FILE.name}"
    assert shipped.parent == SCHEMA_FILE.parent
    assert errors_of(shipped.read_text()) == []


def test_every_form_of_the_file_keeps_to_it() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))
    assert errors_of(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("price: {input: 5, output: 7}, ", ""),
        ("input: 5", "input: -5"),
        ("input: 5", "input: 0.5"),
        ("output_tokens_max", "output_token_max"),
        ("pii: mask", "pii: maks"),
        ("[tools]", "[tool]"),
        ("requests_per_minute: 60", "requests_per_minute: 0"),
        ("models: [m], fallback", "models: [], fallback"),
    ],
)
def test_an_editor_shows_the_same_mistakes(old: str, new: str) -> None:
    assert errors_of(GOOD.replace(old, new))
