"""How do texts of many callers come to their embeddings in one call?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pydantic import JsonValue

from llm_gateway.domain.answer import Embeddings, Trouble, Usage

GATHER_SECONDS = 0.005
TEXTS_MAX = 256
CHARACTERS_MAX = 200_000

Call = Callable[[Sequence[str]], Awaitable[Embeddings | Trouble]]


@dataclass(slots=True)
class _Share:
    """One caller's texts; `weight` is its part of the tokens."""

    texts: Sequence[str]
    weight: int
    answered: "asyncio.Future[Embeddings | Trouble]"


@dataclass(slots=True)
class MicroBatch:
    """Callers of the same model and options within 5 ms share a call; its tokens are split by what each brought. One
    who goes away leaves the others' call as it is."""

    _waiting: dict[str, list[_Share]] = field(default_factory=dict)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def embed(self, kind: str, texts: Sequence[str], *, weight: int, call: Call) -> Embeddings | Trouble:
        """The embeddings of these texts. `kind`: model and options; `call` is used by whoever comes first."""
        share = _Share(texts, max(weight, 1), asyncio.get_running_loop().create_future())
        waiting = self._waiting.setdefault(kind, [])
        if waiting and _size([*waiting, share]) > TEXTS_MAX:
            waiting = self._waiting[kind] = []  # Those who wait are on their way with the call they wait for.
        waiting.append(share)
        if len(waiting) == 1:
            task = asyncio.create_task(self._call_soon(kind, waiting, call))
            self._calls.add(task)
            task.add_done_callback(partial(self._ended, waiting))
        return await share.answered

    async def _call_soon(self, kind: str, shares: list[_Share], call: Call) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        if self._waiting.get(kind) is shares:
            del self._waiting[kind]
        wanted = [share for share in shares if not share.answered.cancelled()]
        if wanted:
            _give(wanted, await call([text for share in wanted for text in share.texts]))

    def _ended(self, shares: Sequence[_Share], task: asyncio.Task[None]) -> None:
        """Nobody waits on: what the call raised is raised at all who waited for it."""
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()
        for share in [share for share in shares if not share.answered.done()]:
            if error is None:
                share.answered.cancel()
            else:
                share.answered.set_exception(error)


def _size(shares: Sequence[_Share]) -> int:
    """Texts, or more than there may be where there are too many characters."""
    characters = sum(len(text) for share in shares for text in share.texts)
    return TEXTS_MAX + 1 if characters > CHARACTERS_MAX else sum(len(share.texts) for share in shares)


def _give(shares: Sequence[_Share], outcome: Embeddings | Trouble) -> None:
    weights, at, tokens_given = sum(share.weight for share in shares), 0, 0
    for number, share in enumerate(shares):
        result: Embeddings | Trouble = outcome
        if isinstance(outcome, Embeddings):
            vectors: tuple[JsonValue, ...] = outcome.vectors[at : at + len(share.texts)]
            usage = None
            if outcome.usage is not None:
                last = number == len(shares) - 1
                tokens = outcome.usage.tokens_input * share.weight // weights
                tokens = outcome.usage.tokens_input - tokens_given if last else tokens
                tokens_given += tokens
                usage = Usage(tokens_input=tokens)
            result = Embeddings(vectors, usage)
            at += len(share.texts)
        if not share.answered.done():
            share.answered.set_result(result)
