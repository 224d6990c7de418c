"""Does anything personal leave the tool runner in a field that the contracts do not mark?"""

import pytest
from tests.support.pii_scan import pii_outside_marked_fields

from contracts.envelope import BasedOn
from contracts.json_schemas import json_schema_of
from contracts.tool_calls import ExecuteToolCall
from tool_runner.app import redacting_for
from tool_runner.domain.facts import fact_of
from tool_runner.domain.outcome import Done, Ended, ErrorClass, Failed, Unknown, Verdict
from tool_runner.settings import Settings

SECRETS = ("anna@example.com", "4111 1111 1111 1111", "+49 30 901820")
COMMAND = ExecuteToolCall(
    based_on=BasedOn(inputs=("m1",), now_ms=1, fence=1),
    node="help",
    tool_call_id="t1",
    tool="shop.refund",
    arguments={"to": SECRETS[0], "card": SECRETS[1]},
    idempotency_key="k",
)


@pytest.mark.parametrize(
    "verdict",
    [
        Done({"customer": {"mail": SECRETS[0]}, "phones": [SECRETS[2]]}),
        Done({"error": f"no card {SECRETS[1]}"}, is_error=True),
        Failed(ErrorClass.UNKNOWN_TOOL, f"there is no tool {SECRETS[0]}"),
        Failed(ErrorClass.INVALID_ARGUMENTS, f"{SECRETS[1]} is not of type number, nor is {SECRETS[2]}"),
        Unknown(f"shop.refund ran, but the answer to {SECRETS[0]} is not JSON"),
    ],
)
def test_a_fact_holds_personal_data_in_marked_fields_alone(verdict: Verdict) -> None:
    fact = fact_of(Ended(verdict), COMMAND, "command-1", latency_ms=5)
    assert pii_outside_marked_fields(fact.model_dump_json(), json_schema_of(type(fact)), SECRETS) == []
    if isinstance(verdict, Done):
        assert any(secret in fact.model_dump_json() for secret in SECRETS), "results are passed on as they are"


def test_a_detail_says_everything_else() -> None:
    failed = Failed(ErrorClass.INVALID_ARGUMENTS, f"shop.refund: to: {SECRETS[0]} is over the limit of 10 characters")
    fact = fact_of(Ended(failed), COMMAND, "command-1", latency_ms=5)
    assert fact.model_dump()["detail"] == "shop.refund: to: [REDACTED_EMAIL] is over the limit of 10 characters"


def test_a_detail_loses_the_national_numbers_of_the_regions_that_are_set() -> None:
    german = redacting_for(Settings.model_validate({"phone_regions": "US,DE"}))
    fact = fact_of(Ended(Unknown("030 901820 was called")), COMMAND, "command-1", latency_ms=5, redacting=german)
    assert fact.model_dump()["detail"] == "[REDACTED_PHONE] was called"


def test_the_arguments_of_a_command_stand_in_a_marked_field() -> None:
    body = COMMAND.model_dump_json()
    assert pii_outside_marked_fields(body, json_schema_of(ExecuteToolCall), SECRETS) == []
    unmarked = COMMAND.model_copy(update={"workflow": SECRETS[0]}).model_dump_json()
    assert pii_outside_marked_fields(unmarked, json_schema_of(ExecuteToolCall), SECRETS) == [
        "workflow: anna@example.com"
    ]
