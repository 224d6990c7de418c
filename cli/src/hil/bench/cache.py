"""How often does the semantic cache answer, and how often wrongly?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from hil.bench.cache_sets import QuestionSet, banking77, own_questions, pairs_by_kind, small_changes
from hil.bench.cache_vectors import SHIPPED, VectorsOf, shipped_vectors
from llm_gateway.adapters.embedder import Vectors
from llm_gateway.domain.semantic_guard import ask_the_same
from llm_gateway.domain.semantic_match import SIMILARITY_MIN, nearest

THRESHOLDS = (0.80, 0.85, SIMILARITY_MIN, 0.92, 0.95)
_CHOSEN_FROM = tuple(round(0.97 - 0.01 * step, 2) for step in range(28))


@dataclass(frozen=True, slots=True)
class Counted:
    """Of `probes` questions `hits` were answered from the cache, `false_hits` of them with another one's answer."""

    probes: int
    hits: int
    false_hits: int
    false_examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HitRow:
    """`guards`: with the guards and the margin, or the nearest question alone. Intervals hold 95 % (Wilson)."""

    embedder: str
    questions: str
    threshold: float
    guards: str
    counted: Counted
    hit_interval: tuple[float, float]
    false_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ChosenRow:
    """`threshold` gave most hits and fewest false ones on half of the intents; `hits` are those of the other half, and
    `pairs_mixed_up` of all `pairs`."""

    embedder: str
    guards: str
    threshold: float
    hits: tuple[HitRow, ...]
    pairs: int
    pairs_mixed_up: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """Of pairs that need different answers, how many the cache would mix up at the shipped threshold."""

    embedder: str
    kind: str
    pairs: int
    mixed_up_without_guards: int
    mixed_up: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """`allowed` of the `known` paraphrases, whose intent is cached, have the guards found to ask the same as one of its
    cached questions: no embeddings could answer more."""

    embedder: str
    threshold: float
    allowed: int
    known: int
    hits: tuple[HitRow, ...]
    chosen: tuple[ChosenRow, ...]
    pairs: tuple[PairRow, ...]


def measure(banking: Path | None = None, others: Mapping[str, VectorsOf] | None = None) -> CacheFigures:
    """All rows; the same every time. `banking`: a folder with banking77; `others`: embeddings by name, to compare those
    that are shipped with."""
    sets = [own_questions(), small_changes(), *([] if banking is None else [banking77(banking)])]
    hits: list[HitRow] = []
    chosen: list[ChosenRow] = []
    pairs: list[PairRow] = []
    for name, vectors_of in {**(others or {}), SHIPPED: shipped_vectors}.items():
        judge = _Judge(name, vectors_of)
        hits += [
            judge.row(questions, threshold, guards)
            for questions in sets
            for threshold in THRESHOLDS
            for guards in ("no", "yes")
        ]
        chosen += [judge.chosen(sets[:2], guards) for guards in ("no", "yes")]
        pairs += [judge.pairs(kind, SIMILARITY_MIN) for kind in pairs_by_kind()]
    allowed, known = _allowed(sets[0])
    return CacheFigures(SHIPPED, SIMILARITY_MIN, allowed, known, tuple(hits), tuple(chosen), tuple(pairs))


def _allowed(questions: QuestionSet) -> tuple[int, int]:
    cached_of = {probe: [one for one in questions.cached if one.intent == probe.intent] for probe in questions.probes}
    known = [probe for probe, cached in cached_of.items() if cached]
    return sum(any(ask_the_same(probe.text, one.text) for one in cached_of[probe]) for probe in known), len(known)


def interval(count: int, of: int) -> tuple[float, float]:
    """Between which the true share is, by Wilson, for 95 %."""
    z = 1.96
    share, spread = count / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


class _Judge:
    """One embedding. Vectors are made once for a text."""

    def __init__(self, embedder: str, vectors_of: VectorsOf) -> None:
        self.embedder, self._vectors_of = embedder, vectors_of
        self._kept: dict[str, Vectors] = {}

    def row(self, questions: QuestionSet, threshold: float, guards: str) -> HitRow:
        counted = self._count(questions, threshold, guards)
        false = interval(counted.false_hits, counted.hits) if counted.hits else None
        hit = interval(counted.hits, counted.probes)
        return HitRow(self.embedder, questions.name, threshold, guards, counted, hit, false)

    def chosen(self, sets: Sequence[QuestionSet], guards: str) -> ChosenRow:
        halves = [one.halves() for one in sets]

        def good(threshold: float) -> tuple[int, int]:
            counted = [self._count(half, threshold, guards) for half, _ in halves]
            return -sum(one.false_hits for one in counted), sum(one.hits for one in counted)

        best = max(_CHOSEN_FROM, key=good)
        rows = tuple(self.row(half, best, guards) for _, half in halves)
        pairs = [self.pairs(kind, best) for kind in pairs_by_kind()]
        mixed_up = sum(one.mixed_up if guards == "yes" else one.mixed_up_without_guards for one in pairs)
        return ChosenRow(self.embedder, guards, best, rows, sum(one.pairs for one in pairs), mixed_up)

    def pairs(self, kind: str, threshold: float) -> PairRow:
        pairs = pairs_by_kind()[kind]
        ones, others = (self._vectors([pair[side] for pair in pairs]) for side in (0, 1))
        near = [pair for pair, alike in zip(pairs, (ones * others).sum(axis=1), strict=True) if alike >= threshold]
        mixed_up = [pair for pair in near if ask_the_same(*pair)]
        examples = tuple(f"{one} / {other}" for one, other in mixed_up)
        return PairRow(self.embedder, kind, len(pairs), len(near), len(mixed_up), examples)

    def _count(self, questions: QuestionSet, threshold: float, guards: str) -> Counted:
        texts, intents = [one.text for one in questions.cached], [one.intent for one in questions.cached]
        likeness = self._vectors([one.text for one in questions.probes]) @ self._vectors(texts).T
        hits, false_hits = 0, []
        for probe, alike in zip(questions.probes, likeness, strict=True):
            found: int | None = int(np.argmax(alike))
            if guards == "yes":
                found = nearest(probe.text, texts, answers=intents, likeness=alike, similarity_min=threshold)
            elif alike[found] < threshold:
                found = None
            if found is not None:
                hits += 1
                if intents[found] != probe.intent:
                    false_hits.append(f"{probe.text} / {texts[found]}")
        return Counted(len(questions.probes), hits, len(false_hits), tuple(false_hits[:10]))

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if missing:
            self._kept |= dict(zip(missing, self._vectors_of(missing), strict=True))
        return np.stack([self._kept[text] for text in texts])
