"""Are prompts rebuilt, tokens counted and both prices computed as `hil bench routing` says?"""

from dataclasses import replace

import pytest

from contracts.completions import (
    CompletionFailed,
    CompletionProduced,
    PromptMessage,
    RequestCompletion,
    ToolCallRequest,
)
from contracts.envelope import LogEntry, Message
from contracts.tool_calls import ToolDescription
from hil.bench.routing import suite_customers
from hil.bench.routing_cost import Completion, NotComparable, completions_in, costs
from hil.demo.prepare import SHIPPED_WORKFLOWS
from llm_gateway.domain.models import Model, ModelTable, Price

CHEAP = Model("cheap", "p", Price(1_000_000, 2_000_000, 1), 1_000, 100, encoding="o200k_base")
DEAR = replace(CHEAP, name="dear", price=Price(10_000_000, 20_000_000, 1))
TABLE = ModelTable({"cheap": CHEAP, "dear": DEAR}, {"fast": ("cheap",), "powerful": ("dear", "cheap")})
TOOL = ToolDescription(name="shop.find", description="Find things.", input_schema={"type": "object"})


def entry(sequence: int, id: str, message: Message) -> LogEntry:
    return LogEntry(sequence=sequence, timestamp_ms=0, id=id, message=message, bytes_stored=0)


def request(text: str, **fields: object) -> RequestCompletion:
    said = (PromptMessage(role="user", content=text),)
    return RequestCompletion.model_validate(
        {
            "based_on": {"now_ms": 0, "fence": 0},
            "node": "n",
            "workflow": "w",
            "profile": "fast",
            "messages": said,
            **fields,
        }
    )


def answer(to: str, **fields: object) -> CompletionProduced:
    return CompletionProduced.model_validate({"command_id": to, "model": "cheap", **fields})


def test_a_prompt_holds_what_it_continues_and_its_tools() -> None:
    call = ToolCallRequest(tool_call_id="1", tool="shop.find", arguments={"what": "a lamp"})
    log = [
        entry(1, "r1", request("Hello there")),
        entry(2, "a1", answer("r1", tool_calls=(call,))),
        entry(3, "r2", request("And now?", continues="r1", tools=("shop.*",))),
        entry(4, "a2", answer("r2", text="Nothing more.")),
    ]
    first, second = completions_in(log, [TOOL], TABLE)
    assert (first.workflow, first.profile, first.model) == ("w", "fast", "cheap")
    assert first.tokens_input == 3 + 3 + 1 + 2 and first.tokens_output > 5
    assert second.tokens_input > first.tokens_input + first.tokens_output + 10
    assert second.tokens_output == 3


def test_a_model_that_is_not_known_counts_as_the_first_of_the_profile() -> None:
    log = [entry(1, "r1", request("Hello")), entry(2, "a1", answer("r1", model="replayed"))]
    assert next(completions_in(log, [], TABLE)).model == "cheap"


def test_a_log_that_says_nothing_of_the_cost_is_refused() -> None:
    asked = entry(1, "r1", request("Hello", continues="r0"))
    with pytest.raises(NotComparable, match="cannot be rebuilt"):
        list(completions_in([asked, entry(2, "a1", answer("r1"))], [], TABLE))
    with pytest.raises(NotComparable, match="no such day"):
        failed = CompletionFailed(
            command_id="r1", workflow="w", error_class="timeout", retryable=True, detail="no such day"
        )
        list(completions_in([asked, entry(2, "f1", failed)], [], TABLE))
    with pytest.raises(NotComparable, match="no profile 'powerful'"):
        costs([], replace(TABLE, profiles={}))


def test_both_prices_are_of_the_same_tokens() -> None:
    cheap = Completion("w", "fast", "cheap", tokens_input=10, tokens_output=5)
    dear = Completion("v", "powerful", "dear", tokens_input=10, tokens_output=5)
    v, w, total = costs([cheap, dear], TABLE)
    assert (w.workflow, w.routed_microdollars, w.powerful_microdollars, w.saved_percent) == ("w", 20, 200, 90.0)
    assert (v.workflow, v.saved_percent) == ("v", 0.0)
    assert (total.completions, total.tokens_input, total.tokens_output) == (2, 20, 10)
    assert (total.routed_microdollars, total.powerful_microdollars, total.saved_percent) == (220, 400, 45.0)


def test_nothing_costs_nothing() -> None:
    (total,) = costs([], TABLE)
    assert (total.completions, total.saved_percent) == (0, 0.0)


def test_every_shipped_workflow_has_customers_of_its_own() -> None:
    customers = list(suite_customers(SHIPPED_WORKFLOWS / "suites"))
    assert {one.workflow for one in customers} == {file.stem for file in SHIPPED_WORKFLOWS.glob("*.yaml")}
    assert len({one.key for one in customers}) == len(customers)
