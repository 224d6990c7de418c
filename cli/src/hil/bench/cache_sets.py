"""Which questions is the semantic cache measured with?"""

import csv
import random
import re
from dataclasses import dataclass
from pathlib import Path

SEED = 20_260_101
_CACHED_PER_INTENT, _INTENTS_UNKNOWN, _BANKING_CACHED = 4, 10, 3_000
_QUESTIONS, _PAIRS = Path(__file__).with_name("cache_questions.txt"), Path(__file__).with_name("cache_pairs.txt")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the intent that tells its answer."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """`cached` questions are known, `probes` are asked."""

    name: str
    cached: tuple[Asked, ...]
    probes: tuple[Asked, ...]

    def halves(self) -> "tuple[QuestionSet, QuestionSet]":
        """Each with half of the intents, drawn once for all sets of the same intents: what is chosen on the first is
        tried on the second, which shares no question and no answer with it."""
        intents = sorted({one.intent for one in self.cached + self.probes})
        first = set(random.Random(SEED).sample(intents, len(intents) // 2))  # noqa: S311 - the same every time
        return self._only(first), self._only(set(intents) - first)

    def _only(self, intents: set[str]) -> "QuestionSet":
        cached, probes = (tuple(one for one in part if one.intent in intents) for part in (self.cached, self.probes))
        return QuestionSet(self.name, cached, probes)


def own_questions() -> QuestionSet:
    """Of each known intent half the questions are cached, of ten intents none."""
    parts = re.split(r"^\[(\w+)\]\n", _QUESTIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    by_intent = {intent: text.split("\n")[:-1] for intent, text in zip(parts[::2], parts[1::2], strict=True)}
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    unknown = set(draw.sample(sorted(by_intent), _INTENTS_UNKNOWN))
    cached: list[Asked] = []
    probes: list[Asked] = []
    for intent, texts in by_intent.items():
        asked = [Asked(text, intent) for text in draw.sample(texts, len(texts))]
        known = 0 if intent in unknown else _CACHED_PER_INTENT
        cached += asked[:known]
        probes += asked[known:]
    return QuestionSet("paraphrases", tuple(cached), tuple(probes))


def small_changes() -> QuestionSet:
    """The same cached questions, asked again in another case, with a greeting, a please or a typing error; and what is
    not cached, changed in the same ways."""
    own = own_questions()
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    known = {one.intent for one in own.cached}
    again = [*own.cached, *(one for one in own.probes if one.intent not in known)]
    changed = tuple(Asked(_changed(one.text, draw), one.intent) for one in again)
    return QuestionSet("small changes", own.cached, changed)


def banking77(folder: Path) -> QuestionSet:
    """The public set, from its train.csv and test.csv (text, category)."""
    train, test = (_read_csv(folder / name) for name in ("train.csv", "test.csv"))
    draw = random.Random(SEED)  # noqa: S311 - the same every time
    return QuestionSet("banking77", tuple(draw.sample(train, min(_BANKING_CACHED, len(train)))), tuple(test))


def pairs_by_kind() -> dict[str, list[tuple[str, str]]]:
    """Pairs that need different answers, by what they differ in."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for line in _PAIRS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, one, other = line.split(" | ")
            kinds.setdefault(kind, []).append((one, other))
    return kinds


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


def _read_csv(file: Path) -> list[Asked]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [Asked(row["text"], row["category"]) for row in csv.DictReader(lines)]
