"""Does every request end in one fact, with the right cost, whatever the provider does?"""

import asyncio

from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.gateway_kit import OUTPUT_SCHEMA

from contracts.budgets import BudgetExhausted
from contracts.completions import Cap
from cost_gate import Balance
from hil.replay_model import Rule, ScriptedCall
from llm_gateway.domain.facts import outcome_id


async def test_an_answer_is_a_fact_with_its_cost_labelled_as_replayed(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="good day")) as bench:
        command_id = await bench.request(temperature=0.5)
        first = await bench.fact(command_id)
        fact = await bench.produced(text="another")
        assert (await bench.facts(command_id))[0][0] == outcome_id(command_id)
        assert (first.text, first.replayed, first.model, first.node) == ("good day", True, "replay/script", "n")  # type: ignore[union-attr]
        assert first.cost_microdollars == first.tokens_input + first.tokens_output > 0
        total = first.cost_microdollars + fact.cost_microdollars
        assert await bench.balance() == Balance(total, 0, 0)
        assert bench.model.received[0].body["max_tokens"] == 100
        assert bench.model.received[0].body["temperature"] == 0.5


async def test_server_errors_are_tried_again_and_cost_nothing(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=500), Rule(status=503), Rule(text="at last")) as bench:
        fact = await bench.produced()
        assert (fact.text, fact.fallbacks) == ("at last", ())
        assert bench.asked_models() == ["first", "first", "first"]
        assert await bench.balance() == Balance(fact.tokens_input + fact.tokens_output, 0, 0)


async def test_after_three_tries_the_fallback_answers_and_says_why(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=500, times=3), Rule(text="from the second")) as bench:
        fact = await bench.produced()
        assert bench.asked_models() == ["first"] * 3 + ["second"]
        assert fact.fallbacks == ("first: provider_error: provider answers 500 server_error",)


async def test_when_every_model_fails_so_does_the_request_and_may_be_retried(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=500, times=None)) as bench:
        fact = await bench.failed()
        assert (fact.error_class, fact.retryable, fact.cost_microdollars) == ("provider_error", True, 0)
        assert len(fact.fallbacks) == 2 and len(bench.model.received) == 6


async def test_a_rate_limit_is_waited_out_for_as_long_as_the_provider_asks(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=429, retry_after_seconds=1), Rule(text="now")) as bench:
        fact = await bench.produced()
        assert bench.asked_models() == ["first", "first"]
        assert fact.latency_ms >= 1000


async def test_a_rate_limit_that_outlasts_the_deadline_goes_to_the_fallback_at_once(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=429, retry_after_seconds=600), Rule(text="now")) as bench:
        fact = await bench.produced(timeout_ms=5_000)
        assert bench.asked_models() == ["first", "second"]
        assert fact.latency_ms < 3000


async def test_a_body_that_is_malformed_or_cut_is_counted_at_its_maximum(start_bench: StartBench) -> None:
    async with start_bench(Rule(malformed="{"), Rule(text="x" * 50, cut_after_bytes=60), Rule(text="ok")) as bench:
        fact = await bench.produced()
        assert fact.text == "ok"
        assert fact.cost_microdollars > 200 + fact.tokens_input + fact.tokens_output
        assert await bench.balance() == Balance(fact.cost_microdollars, 0, 0)


async def test_a_silent_provider_ends_in_a_timeout_before_the_deadline_and_is_paid(start_bench: StartBench) -> None:
    async with start_bench(Rule(never=True, times=None)) as bench:
        fact = await bench.failed(timeout_ms=1_500)
        assert (fact.error_class, fact.retryable) == ("timeout", True)
        assert fact.latency_ms <= 1_900
        assert fact.cost_microdollars >= 200
        assert await bench.balance() == Balance(fact.cost_microdollars, 0, 0)


async def test_a_request_that_is_past_its_deadline_is_not_made(start_bench: StartBench) -> None:
    async with start_bench() as bench:
        fact = await bench.failed(timeout_ms=0)
        assert (fact.error_class, fact.retryable) == ("timeout", True)
        assert not bench.model.received


async def test_a_provider_that_is_gone_is_a_failure_that_may_be_retried(start_bench: StartBench) -> None:
    async with start_bench() as bench:
        await bench.model.stop()
        fact = await bench.failed()
        assert (fact.error_class, fact.retryable, fact.cost_microdollars) == ("provider_unreachable", True, 0)


async def test_a_refused_request_is_not_retried_and_its_words_stay_secret(start_bench: StartBench) -> None:
    async with start_bench(Rule(status=400, times=None)) as bench:
        fact = await bench.failed(text="my card is 4111")
        assert (fact.error_class, fact.retryable) == ("invalid_request", False)
        assert "4111" not in fact.model_dump_json()
        assert len(bench.model.received) == 2


async def test_a_cap_refuses_says_which_and_the_provider_is_not_called(start_bench: StartBench) -> None:
    caps = (Cap(scope="execution", id="e1", cap_microdollars=None), Cap(scope="node", id="e1/n", cap_microdollars=20))
    async with start_bench() as bench:
        command_id = await bench.request(caps=caps)
        fact = await bench.fact(command_id)
        assert getattr(fact, "error_class", None) == "budget_exceeded"
        entries = await bench.log()
        events = [entry.message for entry in entries if isinstance(entry.message, BudgetExhausted)]
        assert [(event.scope, event.scope_id, event.cap_microdollars) for event in events] == [
            ("node", "acme/e1/n", 20)
        ]
        assert events[0].requested_microdollars > 20
        assert not bench.model.received
        assert await bench.balance() == Balance(0, 0, 0)


async def test_many_requests_at_once_never_spend_more_than_their_execution_may(start_bench: StartBench) -> None:
    caps = (Cap(scope="execution", id="e1", cap_microdollars=400),)
    async with start_bench(Rule(text="x" * 400, times=None)) as bench:
        facts = await asyncio.gather(*(bench.answer(f"c{number}", caps=caps) for number in range(20)))
        balance = await bench.balance()
        produced = [fact for fact in facts if fact.cost_microdollars]
        assert 1 <= len(produced) < 20
        assert balance.spent_microdollars == sum(fact.cost_microdollars for fact in facts) <= 400
        assert balance.held_microdollars == 0


async def test_a_command_without_caps_has_the_default_cap_of_its_execution(start_bench: StartBench) -> None:
    async with start_bench(execution_cap_microdollars=10) as bench:
        assert (await bench.failed()).error_class == "budget_exceeded"


async def test_caps_of_the_wrong_form_are_a_failure_not_a_dead_letter(start_bench: StartBench) -> None:
    negative = (Cap(scope="node", id="n", cap_microdollars=-1),)
    twice = (Cap(scope="node", id="n", cap_microdollars=5), Cap(scope="node", id="n", cap_microdollars=6))
    async with start_bench() as bench:
        assert (await bench.failed(caps=negative)).error_class == "invalid_request"
        assert (await bench.failed(caps=twice)).error_class == "invalid_request"


async def test_output_that_fits_its_schema_is_parsed(start_bench: StartBench) -> None:
    async with start_bench(Rule(json_={"intent": "refund"})) as bench:
        fact = await bench.produced(output_schema=OUTPUT_SCHEMA)
        assert fact.output == {"intent": "refund"}
        sent = bench.model.received[0].body["response_format"]
        assert isinstance(sent, dict) and sent["json_schema"]["schema"] == OUTPUT_SCHEMA  # type: ignore[index,call-overload]


async def test_bad_output_is_repaired_once_and_both_calls_are_paid(start_bench: StartBench) -> None:
    async with start_bench(Rule(json_={"intent": "x"}), Rule(match="intent", json_={"intent": "other"})) as bench:
        fact = await bench.produced(output_schema=OUTPUT_SCHEMA)
        assert fact.output == {"intent": "other"}
        assert [message["role"] for message in bench.asked_messages()] == ["user", "assistant", "user"]
        assert await bench.balance() == Balance(fact.cost_microdollars, 0, 0)


async def test_a_repair_finds_the_money_that_the_call_before_it_gave_back(start_bench: StartBench) -> None:
    """Else it would be granted less than the cap allows, and its answer be cut."""
    bad, good = Rule(match="classify", json_={"intent": "x"}), Rule(match="intent", json_={"intent": "other"})
    async with start_bench(Rule(text="hi"), bad, good) as bench:
        await bench.produced(execution_id="e0")  # Redis knows the scripts from here on.
        caps = (Cap(scope="execution", id="e1", cap_microdollars=340),)
        await bench.produced(text="classify", output_schema=OUTPUT_SCHEMA, caps=caps)
        assert [one.body["max_tokens"] for one in bench.model.received] == [100, 100, 100]


async def test_output_that_stays_bad_is_a_failure(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="no json", times=None)) as bench:
        fact = await bench.failed(output_schema=OUTPUT_SCHEMA, profile="single")
        assert (fact.error_class, fact.retryable, len(bench.model.received)) == ("invalid_output", True, 2)


async def test_an_output_schema_that_is_none_or_points_elsewhere_is_refused(start_bench: StartBench) -> None:
    async with start_bench() as bench:
        for schema in ({"type": "nonsense"}, {"$ref": "http://127.0.0.1:1/schema"}):
            assert (await bench.failed(output_schema=schema)).error_class == "invalid_request"


async def test_profiles_models_and_windows_that_do_not_fit_are_refused(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="x", times=None)) as bench:
        assert (await bench.failed(profile="nobody")).error_class == "unknown_profile"
        assert (await bench.failed(profile="narrow")).error_class == "context_too_long"
        assert (await bench.failed(text="long " * 4000)).error_class == "context_too_long"
        assert (await bench.failed(messages=[])).error_class == "invalid_request"
        mixed = await bench.produced(profile="mixed")
        assert mixed.skipped == ("tiny: window: 16 + 1 tokens are over the 8 usable",)


async def test_tools_are_offered_by_pattern_and_their_calls_come_back_by_name(start_bench: StartBench) -> None:
    call = ScriptedCall(name="get_order", arguments={"id": "7"}, id="call_1")
    async with start_bench(Rule(tool_calls=(call,))) as bench:
        await bench.add_tool("shop.get_order", description="An order.", input_schema={"type": "object"})
        await bench.add_tool("shop.cancel_order")
        await bench.add_tool("bank.pay")
        fact = await bench.produced(tools=("shop.*",))
        tools = bench.model.received[0].body["tools"]
        assert isinstance(tools, list)
        assert [tool["function"]["name"] for tool in tools] == ["shop__cancel_order", "shop__get_order"]  # type: ignore[index,call-overload]
        assert [(one.tool_call_id, one.tool, one.arguments) for one in fact.tool_calls] == [
            ("call_1", "shop.get_order", {"id": "7"})
        ]


async def test_tool_calls_that_cannot_be_made_are_repaired(start_bench: StartBench) -> None:
    rules = [
        Rule(tool_calls=(ScriptedCall(name="get_order", arguments="{broken"),)),
        Rule(match="not a JSON object", tool_calls=(ScriptedCall(name="get_order", arguments={"id": "7"}),)),
        Rule(tool_calls=(ScriptedCall(name="steal", arguments={}),)),
        Rule(match="no tool 'steal'", text="sorry"),
    ]
    async with start_bench(*rules) as bench:
        await bench.add_tool("shop.get_order")
        assert (await bench.produced(tools=("shop.*",))).tool_calls[0].arguments == {"id": "7"}
        assert (await bench.produced(tools=("shop.*",))).text == "sorry"


async def test_a_tool_that_comes_late_is_waited_for(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="ok", times=None)) as bench:
        command_id = await bench.request(tools=("late.*",))
        assert (await bench.produced(key="other")).text == "ok"
        assert not await bench.facts(command_id)
        await bench.add_tool("late.tool")
        assert getattr(await bench.fact(command_id), "text", None) == "ok"


async def test_a_name_of_a_tool_that_a_model_makes_up_is_told_to_nobody(start_bench: StartBench) -> None:
    """Contracts do not mark `tool`: a name that was not offered could hold what a customer said."""
    call = ScriptedCall(name="refund_anna@example.com", arguments={"to": "anna@example.com"})
    async with start_bench(Rule(tool_calls=(call,), times=None)) as bench:
        await bench.add_tool("shop.get_order")
        fact = await bench.failed(text="I am anna@example.com", tools=("shop.*",))
        assert fact.error_class == "invalid_output"
        assert "anna" not in fact.model_dump_json()
