"""Does the catalogue tell the truth about who sends and who reads, and are the generated files up to date?"""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from tests.support.npm import installed

from contracts import streams
from contracts.asyncapi import headers_of
from contracts.catalogue import ALL_MESSAGES, BY_TYPE
from contracts.envelope import Message
from contracts.generate import HOME, main, stale
from contracts.streams import ConsumerSpec

ROOT = Path(__file__).parents[2]
CONSUMERS: dict[str, tuple[ConsumerSpec, ...]] = {
    "orchestrator": (streams.ORCHESTRATOR, streams.ARCHIVER),
    "llm-gateway": (streams.LLM_GATEWAY,),
    "tool-runner": (streams.TOOL_RUNNER,),
    "hil-inbox": (streams.HIL_INBOX_COMMANDS, streams.HIL_INBOX_CLOCKS, streams.HIL_INBOX_EVENTS),
    "analytics": (streams.ANALYTICS, streams.ALERT_PUSHES),
}
KINDS = pytest.mark.parametrize("kind", ALL_MESSAGES, ids=lambda kind: kind.route.type)


def document() -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = yaml.safe_load((HOME / "asyncapi.yaml").read_text())
    return found


def test_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_no_schema_is_left_of_a_type_that_is_gone() -> None:
    assert {file.stem for file in (HOME / "schemas").glob("*.json")} == set(BY_TYPE)


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(HOME / "samples")
    (tmp_path / "README.md").write_text((HOME / "README.md").read_text())
    named = {"asyncapi.yaml", "handover-packet.v1.json", *(f"schemas/{kind}.json" for kind in BY_TYPE)}
    assert set(stale(tmp_path)) == named


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help-me"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("service", CONSUMERS)
def test_a_service_consumes_exactly_what_the_catalogue_says_that_it_reads(service: str) -> None:
    consumed = {kind.route.type for spec in CONSUMERS[service] for kind in spec.types}
    assert consumed == {kind.route.type for kind in ALL_MESSAGES if service in kind.route.read_by}


def test_every_consumer_belongs_to_a_service() -> None:
    declared = {value.name for value in vars(streams).values() if isinstance(value, ConsumerSpec)}
    assert declared == {spec.name for specs in CONSUMERS.values() for spec in specs}


@KINDS
def test_a_command_is_owned_by_its_one_reading_service_and_an_event_by_a_sender(kind: type[Message]) -> None:
    route = kind.route
    assert route.sent_by
    assert route.read_by
    if route.kind == "cmd":
        services = set(route.read_by) & set(CONSUMERS)
        assert services - {"analytics"} == {route.owner}  # Analytics counts: a command also records a decision.
    else:
        assert route.owner in route.sent_by


@KINDS
def test_every_message_says_in_a_sentence_what_it_is(kind: type[Message]) -> None:
    assert kind.__doc__
    assert kind.__doc__.strip().endswith(".")


def test_the_document_fits_the_official_schema_of_asyncapi() -> None:
    folder = installed(ROOT / "tests/support/asyncapi_schema")
    schema = json.loads((folder / "node_modules/@asyncapi/specs/schemas/3.0.0.json").read_text())
    validator = Draft7Validator(schema)
    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document())] == []
    broken = document() | {"channels": {"x": {"address": 7}}}
    assert not validator.is_valid(broken)


def test_the_document_holds_every_message_once_with_tenant_and_key() -> None:
    channels = document()["channels"]
    assert {channel["address"] for channel in channels.values()} == {f"{name}.{{tenant}}.{{key}}" for name in BY_TYPE}
    assert all(set(channel["parameters"]) == {"tenant", "key"} for channel in channels.values())  # type: ignore[call-overload]


def test_the_document_has_one_operation_for_each_party_that_sends_or_reads() -> None:
    expected = {
        f"{party}.{verb}.{kind.route.name}.v{kind.route.major}"
        for kind in ALL_MESSAGES
        for verb, parties in (("sends", kind.route.sent_by), ("reads", kind.route.read_by))
        for party in parties
    }
    assert set(document()["operations"]) == expected


def test_references_of_the_document_lead_somewhere() -> None:
    text = (HOME / "asyncapi.yaml").read_text()
    whole = document()
    for line in text.splitlines():
        name, _, target = line.strip().removeprefix("- ").partition(": ")
        if name != "$ref":
            continue
        reference = json.loads(target)
        if reference.startswith("./"):
            assert (HOME / reference).is_file()
            continue
        place: object = whole
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(place, dict)
            place = place[step]


def test_only_fenced_messages_go_without_a_deduplication_id() -> None:
    fenced = {kind.route.name for kind in ALL_MESSAGES if headers_of(kind) == "FencedHeaders"}
    assert "message.sent" in fenced
    assert "handover.claimed" in fenced
    assert not fenced & {"message.received", "completion.produced", "tool_call.completed", "timer.fired"}
