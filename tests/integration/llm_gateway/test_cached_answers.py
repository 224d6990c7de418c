"""Does a request that may share an answer share it, and only what it may?"""

import asyncio

from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.gateway_kit import OUTPUT_SCHEMA

from contracts.completions import CachePolicy, Cap
from hil.replay_model import Rule

EXACT = CachePolicy(ttl_seconds=60)
SEMANTIC = CachePolicy(tier="semantic", ttl_seconds=60)


async def test_the_same_request_is_answered_once_and_then_for_nothing(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="good day")) as bench:
        first = await bench.produced(cache=EXACT)
        again = await bench.produced(key="c2", cache=EXACT)
        assert (first.text, first.cache) == ("good day", "none") and first.cost_microdollars > 0
        assert (again.text, again.cache, again.cost_microdollars) == ("good day", "exact", 0)
        assert len(bench.model.received) == 1


async def test_a_cached_answer_is_parsed_as_the_schema_asks(start_bench: StartBench) -> None:
    async with start_bench(Rule(text='{"intent": "refund"}')) as bench:
        facts = [await bench.produced(cache=EXACT, output_schema=OUTPUT_SCHEMA) for _ in range(2)]
        assert [fact.output for fact in facts] == [{"intent": "refund"}] * 2
        assert [fact.cache for fact in facts] == ["none", "exact"]


async def test_a_question_that_means_the_same_is_answered_from_the_cache(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="So."), Rule(text="Else."), cache_verify_share=0) as bench:
        await bench.produced(text="How do I reset my password?", cache=SEMANTIC)
        again = await bench.produced(text="How do I reset my password please", cache=SEMANTIC)
        other = await bench.produced(text="How do I not reset my password?", cache=SEMANTIC)
        assert (again.text, again.cache, other.text, other.cache) == ("So.", "semantic", "Else.", "none")


async def test_a_sampled_hit_is_answered_by_the_model(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="So."), Rule(text="Fresh."), cache_verify_share=1) as bench:
        await bench.produced(text="How do I reset my password?", cache=SEMANTIC)
        again = await bench.produced(text="How do I reset my password please", cache=SEMANTIC)
        assert (again.text, again.cache) == ("Fresh.", "none")


async def test_what_holds_personal_values_is_neither_kept_nor_shared(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="good day", times=None)) as bench:
        facts = [await bench.produced(text="I am ann@example.org", cache=EXACT) for _ in range(2)]
        assert [fact.cache for fact in facts] == ["none", "none"] and len(bench.model.received) == 2


async def test_nor_where_the_provider_is_trusted_with_them(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="good day", times=None), provider_trusted_with_pii=True) as bench:
        facts = [await bench.produced(text="I am ann@example.org", cache=EXACT) for _ in range(2)]
        assert [fact.cache for fact in facts] == ["none", "none"]
        assert bench.asked_messages()[-1]["content"] == "I am ann@example.org"
        await bench.produced(text="I am tired", cache=EXACT)
        assert (await bench.produced(text="I am tired", cache=EXACT)).cache == "exact"


async def test_requests_at_the_same_time_share_a_call_and_its_cost_counts_once(start_bench: StartBench) -> None:
    async with start_bench(Rule(text="good day", delay_seconds=1)) as bench:
        facts = await asyncio.gather(*(bench.produced(key=f"c{number}", cache=EXACT) for number in range(5)))
        assert sorted(fact.cache for fact in facts) == ["coalesced"] * 4 + ["none"]
        paid = [fact for fact in facts if fact.cache == "none"]
        assert [(fact.cost_microdollars, fact.tokens_input) for fact in facts if fact.cache != "none"] == [(0, 0)] * 4
        assert (await bench.balance()).spent_microdollars == paid[0].cost_microdollars
        assert len(bench.model.received) == 1


async def test_one_who_has_no_money_does_not_stop_those_who_asked_the_same(start_bench: StartBench) -> None:
    poor = [Cap(scope="execution", id="poor", cap_microdollars=1)]
    async with start_bench(Rule(text="good day", times=None), budget_wait_seconds_max=0) as bench:
        requests = [bench.answer(key="c0", cache=EXACT, caps=poor, execution_id="poor")]
        requests += [bench.answer(key=f"c{number}", cache=EXACT) for number in range(1, 4)]
        facts = await asyncio.gather(*requests)
        assert [getattr(fact, "text", None) for fact in facts[1:]] == ["good day"] * 3
