"""Where do names of persons stand in these texts? A model of language says it, in a process of its own."""

import asyncio
import hashlib
import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache

from pii import NameDetector, names_by
from pii.names import Document

Places = tuple[tuple[int, int], ...]
_MEMO_MAX = 8_192
_LOAD_SECONDS_MAX = 120.0


class NamesUnknown(Exception):
    """Nobody can say where names stand: then nothing may be sent. The reason never quotes a text."""


class UnusableNamesModel(Exception):
    """There is no such model; the text says what is missing."""


@dataclass(slots=True)
class NameFinder:
    """`model` is `module:function`; the function loads a spaCy pipeline, or what answers in its shape. It takes tens of
    milliseconds a kB (docs/pii.md): nothing for the event loop, or a thread beside it. Texts that were searched before
    cost nothing: only their hashes and the places are kept."""

    model: str
    seconds_max: float
    _pool: ProcessPoolExecutor | None = None
    _known: dict[bytes, Places] = field(default_factory=dict)

    async def start(self) -> None:
        """Load the model. Raises UnusableNamesModel."""
        try:
            async with asyncio.timeout(_LOAD_SECONDS_MAX):
                await self._asked([""])
        except (NamesUnknown, TimeoutError) as error:
            raise UnusableNamesModel(f"LLM_GATEWAY_NAMES_MODEL: {self.model!r} cannot be loaded: {error}") from error

    async def find(self, texts: Sequence[str]) -> Mapping[str, Places]:
        """The places of names in each text. Raises NamesUnknown when the model fails or takes longer than allowed."""
        found = {text: places for text in texts if (places := self._known.get(_hash(text))) is not None}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if not new:
            return found
        try:
            async with asyncio.timeout(self.seconds_max):
                places_of_new = await self._asked(new)
        except TimeoutError:
            self.end()  # It may work on the old texts for long.
            raise NamesUnknown(f"the model of names took longer than {self.seconds_max:g} s") from None
        for text, places in zip(new, places_of_new, strict=True):
            found[text] = self._known[_hash(text)] = places
        while len(self._known) > _MEMO_MAX:
            self._known.pop(next(iter(self._known)))
        return found

    async def _asked(self, texts: list[str]) -> list[Places]:
        pool = self._pool
        if pool is None:  # Spawned, not forked: the event loop and its threads must not be there a second time.
            context = multiprocessing.get_context("spawn")
            pool = self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _places, self.model, texts)
        except BrokenProcessPool:
            self.end()
            raise NamesUnknown("the process of the model of names has ended") from None
        except Exception as error:
            raise NamesUnknown(f"the model of names failed with {type(error).__name__}") from None

    def end(self) -> None:
        """End the process of the model; the next search starts another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            # What it works on cannot be cancelled, and Python 3.11 has no public way to end it.
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Also of a parent that was killed; an interrupt is for the parent alone to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@lru_cache(maxsize=1)
def _detector(model: str) -> NameDetector:
    module, _, function = model.partition(":")
    pipeline: Callable[[str], Document] = getattr(importlib.import_module(module), function)()
    return names_by(pipeline)


def _places(model: str, texts: list[str]) -> list[Places]:
    """In the model's own process."""
    detector = _detector(model)
    return [tuple(detector(text)) if text else () for text in texts]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
