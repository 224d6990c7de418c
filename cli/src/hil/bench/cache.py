"""How often does the semantic cache answer, and how often wrongly?"""

import asyncio
import csv
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llm_gateway.adapters.embedder import Vectors, WordllamaEmbedder
from llm_gateway.domain.semantic_guard import ask_the_same
from llm_gateway.domain.semantic_match import SIMILARITY_MIN, nearest

SEED = 20_260_101
THRESHOLDS = (0.80, 0.85, SIMILARITY_MIN, 0.92, 0.95)
_CACHED_PER_INTENT, _INTENTS_UNKNOWN, _BANKING_CACHED = 4, 10, 3_000
_QUESTIONS, _PAIRS = Path(__file__).with_name("cache_questions.txt"), Path(__file__).with_name("cache_pairs.txt")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the intent that tells its answer."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class HitRow:
    """`cached` questions were known, `probes` were asked. `guards`: with the guards and the margin, or the nearest
    question alone."""

    questions: str
    threshold: float
    guards: str
    cached: int
    probes: int
    hits: int
    false_hits: int
    false_examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairRow:
    """Of pairs that need different answers, how many the cache would mix up at the shipped threshold."""

    kind: str
    pairs: int
    mixed_up_without_guards: int
    mixed_up: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheFigures:
    embedder: str
    threshold: float
    hits: tuple[HitRow, ...]
    pairs: tuple[PairRow, ...]


def measure(banking77: Path | None) -> CacheFigures:
    """All rows; the same every time. `banking77`: a folder with train.csv and test.csv (text, category)."""
    sets = {"paraphrases": own_questions(), "small changes": small_changes()} | (
        {} if banking77 is None else {"banking77": _banking(banking77)}
    )
    rows = [row for name, (cached, probes) in sets.items() for row in _hit_rows(name, cached, probes)]
    return CacheFigures(WordllamaEmbedder.name, SIMILARITY_MIN, tuple(rows), tuple(pair_rows()))


def own_questions() -> tuple[list[Asked], list[Asked]]:
    """What is cached and what is asked: of each known intent half, of ten intents nothing is cached."""
    parts = re.split(r"^\[(\w+)\]\n", _QUESTIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    by_intent = {intent: text.split("\n")[:-1] for intent, text in zip(parts[::2], parts[1::2], strict=True)}
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    unknown = set(draw.sample(sorted(by_intent), _INTENTS_UNKNOWN))
    cached, probes = [], []
    for intent, texts in by_intent.items():
        asked = [Asked(text, intent) for text in draw.sample(texts, len(texts))]
        known = 0 if intent in unknown else _CACHED_PER_INTENT
        cached += asked[:known]
        probes += asked[known:]
    return cached, probes


def small_changes() -> tuple[list[Asked], list[Asked]]:
    """The same cached questions, asked again in another case, with a greeting, a please or a typing error; and what is
    not cached, changed in the same ways."""
    cached, probes = own_questions()
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    known = {one.intent for one in cached}
    again = [*cached, *(one for one in probes if one.intent not in known)]
    return cached, [Asked(_changed(one.text, draw), one.intent) for one in again]


def _changed(text: str, draw: random.Random) -> str:
    plain = text.rstrip("?.!")
    longest = max(plain.split(), key=len)
    place = len(longest) // 2
    typing_error = longest[: place - 1] + longest[place] + longest[place - 1] + longest[place + 1 :]
    start = plain if plain.startswith(("I ", "I'")) else plain[0].lower() + plain[1:]
    ways = (
        plain.lower(),
        f"Hello, {start}",
        f"{plain}, please?",
        f"{plain}. Thanks!",
        plain.replace(longest, typing_error),
    )
    return draw.choice(ways)


def pair_rows() -> list[PairRow]:
    """By kind of difference."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for line in _PAIRS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, one, other = line.split(" | ")
            kinds.setdefault(kind, []).append((one, other))
    return [_pair_row(kind, pairs) for kind, pairs in kinds.items()]


def _pair_row(kind: str, pairs: Sequence[tuple[str, str]]) -> PairRow:
    ones, others = (_vectors([pair[side] for pair in pairs]) for side in (0, 1))
    near = [pair for pair, alike in zip(pairs, (ones * others).sum(axis=1), strict=True) if alike >= SIMILARITY_MIN]
    mixed_up = [pair for pair in near if ask_the_same(*pair)]
    return PairRow(kind, len(pairs), len(near), len(mixed_up), tuple(f"{one} / {other}" for one, other in mixed_up))


def _hit_rows(name: str, cached: Sequence[Asked], probes: Sequence[Asked]) -> list[HitRow]:
    likeness = _vectors([one.text for one in probes]) @ _vectors([one.text for one in cached]).T
    return [
        _hit_row(name, cached, probes, likeness=likeness, threshold=threshold, guards=guards)
        for threshold in THRESHOLDS
        for guards in ("no", "yes")
    ]


def _hit_row(
    name: str, cached: Sequence[Asked], probes: Sequence[Asked], *, likeness: Vectors, threshold: float, guards: str
) -> HitRow:
    texts, intents = [one.text for one in cached], [one.intent for one in cached]
    hits, false_hits = 0, []
    for probe, alike in zip(probes, likeness, strict=True):
        found: int | None = int(np.argmax(alike))
        if guards == "yes":
            found = nearest(probe.text, texts, answers=intents, likeness=alike, similarity_min=threshold)
        elif alike[found] < threshold:
            found = None
        if found is not None:
            hits += 1
            if intents[found] != probe.intent:
                false_hits.append(f"{probe.text} / {texts[found]}")
    return HitRow(name, threshold, guards, len(cached), len(probes), hits, len(false_hits), tuple(false_hits[:10]))


def _vectors(texts: Sequence[str]) -> Vectors:
    return asyncio.run(WordllamaEmbedder().vectors(texts))


def _banking(folder: Path) -> tuple[list[Asked], list[Asked]]:
    train, test = (_read_csv(folder / name) for name in ("train.csv", "test.csv"))
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    return draw.sample(train, min(_BANKING_CACHED, len(train))), test


def _read_csv(file: Path) -> list[Asked]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [Asked(row["text"], row["category"]) for row in csv.DictReader(lines)]
