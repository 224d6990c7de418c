"""Do callers who share a call for embeddings each get their own, at their own share of the tokens?"""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_gateway.domain.answer import Embeddings, Trouble, Usage
from llm_gateway.domain.failure import ErrorClass
from llm_gateway.handlers.micro_batch import TEXTS_MAX, MicroBatch


class Provider:
    """Answers every text with itself, ten tokens each."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    async def __call__(self, texts: Sequence[str]) -> Embeddings | Trouble:
        self.calls.append(list(texts))
        return Embeddings(tuple(texts), Usage(tokens_input=10 * len(texts)))


async def test_callers_at_the_same_time_share_a_call_and_get_their_own() -> None:
    batch, provider = MicroBatch(), Provider()
    one, two = await asyncio.gather(
        batch.embed("m", ["a", "b"], weight=20, call=provider), batch.embed("m", ["c"], weight=10, call=provider)
    )
    assert provider.calls == [["a", "b", "c"]]
    assert one == Embeddings(("a", "b"), Usage(tokens_input=20)) and two == Embeddings(("c",), Usage(tokens_input=10))


async def test_another_model_is_another_call() -> None:
    batch, provider = MicroBatch(), Provider()
    await asyncio.gather(*(batch.embed(kind, ["a"], weight=1, call=provider) for kind in ("m", "n")))
    assert len(provider.calls) == 2


async def test_trouble_and_errors_go_to_all() -> None:
    trouble = Trouble(ErrorClass.PROVIDER_ERROR, "500")

    async def troubled(_: Sequence[str]) -> Embeddings | Trouble:
        return trouble

    async def broken(_: Sequence[str]) -> Embeddings | Trouble:
        raise ConnectionError("away")

    batch = MicroBatch()
    told = await asyncio.gather(*(batch.embed("m", ["a"], weight=1, call=troubled) for _ in range(2)))
    assert told == [trouble, trouble]
    raised = await asyncio.gather(
        *(batch.embed("m", ["a"], weight=1, call=broken) for _ in range(2)), return_exceptions=True
    )
    assert [type(error) for error in raised] == [ConnectionError] * 2


async def test_who_goes_away_leaves_the_others_their_call() -> None:
    batch, provider = MicroBatch(), Provider()
    first = asyncio.create_task(batch.embed("m", ["a"], weight=1, call=provider))
    second = asyncio.create_task(batch.embed("m", ["b"], weight=1, call=provider))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).__class__ is Embeddings
    assert first.cancelled() and provider.calls == [["b"]]


async def test_nobody_is_called_for_when_all_went_away() -> None:
    batch, provider = MicroBatch(), Provider()
    only = asyncio.create_task(batch.embed("m", ["a"], weight=1, call=provider))
    await asyncio.sleep(0)
    only.cancel()
    await batch.embed("m", ["b"], weight=1, call=provider)
    assert provider.calls == [["b"]]
    with pytest.raises(asyncio.CancelledError):
        await only


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, TEXTS_MAX), st.integers(0, 500), st.sampled_from("mn")), min_size=1, max_size=12)
)
async def test_tokens_are_split_without_loss_and_no_call_is_too_large(wanted: list[tuple[int, int, str]]) -> None:
    batch, provider = MicroBatch(), Provider()
    texts = [[f"{place}-{number}" for number in range(count)] for place, (count, _, _) in enumerate(wanted)]
    given_back = await asyncio.gather(
        *(
            batch.embed(kind, own, weight=weight, call=provider)
            for own, (_, weight, kind) in zip(texts, wanted, strict=True)
        )
    )
    assert [list(one.vectors) for one in given_back if isinstance(one, Embeddings)] == texts
    spent = sum(one.usage.tokens_input for one in given_back if isinstance(one, Embeddings) and one.usage)
    assert spent == 10 * sum(count for count, _, _ in wanted)
    assert max(len(call) for call in provider.calls) <= TEXTS_MAX
