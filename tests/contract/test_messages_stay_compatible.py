"""Can everybody who reads today's messages read tomorrow's, and can we read yesterday's?"""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.support.repository import changed_or_deleted, former_texts
from tests.support.samples import FOLDER, SAMPLES, type_of
from tests.support.schema_changes import breaking_changes

from contracts.catalogue import ALL_MESSAGES, BY_TYPE, read_message
from contracts.envelope import Message
from contracts.json_schemas import json_schema_of

ROOT = Path(__file__).parents[2]
KINDS = pytest.mark.parametrize("kind", ALL_MESSAGES, ids=lambda kind: kind.route.type)


@KINDS
def test_every_message_type_has_a_sample(kind: type[Message]) -> None:
    assert (FOLDER / f"{kind.route.type}.json").is_file()


def test_every_sample_belongs_to_a_message_type() -> None:
    assert {type_of(sample) for sample in SAMPLES} == set(BY_TYPE)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_is_read_and_keeps_its_meaning(sample: Path) -> None:
    body = sample.read_bytes()
    message = read_message(f"{type_of(sample)}.acme.c42", body)
    assert lost(json.loads(body), json.loads(message.model_dump_json())) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_fits_the_checked_in_schema(sample: Path) -> None:
    schema = json.loads((ROOT / f"contracts/schemas/{type_of(sample)}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(sample.read_text()))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_what_the_bus_writes_fits_the_schema_and_reads_the_same(sample: Path) -> None:
    kind = BY_TYPE[type_of(sample)]
    message = kind.model_validate_json(sample.read_bytes())
    written = message.model_dump_json(exclude_defaults=True)
    Draft202012Validator(json_schema_of(kind)).validate(json.loads(written))
    assert kind.model_validate_json(written) == message


@KINDS
def test_unknown_fields_are_ignored(kind: type[Message]) -> None:
    body = json.loads((ROOT / f"contracts/samples/{kind.route.type}.json").read_text())
    assert kind.model_validate(body | {"added_in_a_later_build": 1}) == kind.model_validate(body)


def test_samples_were_never_edited() -> None:
    assert changed_or_deleted("contracts/samples") == set()


def test_schemas_differ_from_every_former_version_only_by_additions() -> None:
    problems = []
    for path, texts in former_texts("contracts/schemas").items():
        kind = BY_TYPE.get(Path(path).stem)
        if kind is None:
            problems.append(f"{path}: the message type is gone")
            continue
        for text in texts:
            problems += [f"{path}: {line}" for line in breaking_changes(json.loads(text), json_schema_of(kind))]
    assert sorted(set(problems)) == []


@KINDS
def test_schemas_differ_from_the_checked_in_file_only_by_additions(kind: type[Message]) -> None:
    checked_in = json.loads((ROOT / f"contracts/schemas/{kind.route.type}.json").read_text())
    assert breaking_changes(checked_in, json_schema_of(kind)) == []


def lost(before: object, after: object, place: str = "body") -> list[str]:
    """Where `after` does not say what `before` said; it may say more."""
    if isinstance(before, dict) and isinstance(after, dict):
        missing = [f"{place}.{name}" for name in before if name not in after]
        return missing + [
            line for name in before if name in after for line in lost(before[name], after[name], f"{place}.{name}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        return [line for number, (one, other) in enumerate(pairs) for line in lost(one, other, f"{place}[{number}]")]
    return [] if before == after else [f"{place}: {before!r} became {after!r}"]
