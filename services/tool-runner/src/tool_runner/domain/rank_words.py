"""Which texts speak of the words of a question? BM25 (Robertson and others, 1994), in memory."""

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_K1, _B = 1.2, 0.75
QUESTION_WORDS_MAX = 64
_FUSION = 60


def words_of(text: str) -> list[str]:
    """Words as they are compared: without case, accents and plural endings; camelCase and snake_case are several."""
    folded = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text)).casefold()
    bare = "".join(one for one in folded if not unicodedata.combining(one)) if not folded.isascii() else folded
    return [_singular(word) for word in _WORD.findall(bare)]


def _singular(word: str) -> str:
    """English plurals; other languages lose little by it, since questions and texts lose the same."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class WordIndex:
    """For each word the texts that hold it and how often. Built once, then only read."""

    lengths: Sequence[int]
    length_mean: float
    postings: Mapping[str, tuple[Sequence[int], Sequence[int]]] = field(repr=False)

    def ranked(self, question: str, count: int) -> list[tuple[int, float]]:
        """At most `count` texts with their scores, best first; texts without a word of the question are left out."""
        scores = dict[int, float]()
        for word in list(dict.fromkeys(words_of(question)))[:QUESTION_WORDS_MAX]:
            texts, counts = self.postings.get(word, ((), ()))
            weight = math.log(1 + (len(self.lengths) - len(texts) + 0.5) / (len(texts) + 0.5))
            for text, times in zip(texts, counts, strict=True):
                longer = 1 - _B + _B * self.lengths[text] / self.length_mean
                scores[text] = scores.get(text, 0.0) + weight * times * (_K1 + 1) / (times + _K1 * longer)
        return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:count]


def word_index(texts: Iterable[str]) -> WordIndex:
    """Texts are known by their place in the order."""
    lengths, postings = array("I"), dict[str, tuple[MutableSequence[int], MutableSequence[int]]]()
    for place, text in enumerate(texts):
        words = words_of(text)
        lengths.append(len(words))
        for word, times in Counter(words).items():
            holding, counts = postings.setdefault(word, (array("I"), array("I")))
            holding.append(place)
            counts.append(times)
    return WordIndex(lengths, max(sum(lengths) / max(len(lengths), 1), 1.0), postings)


def ranked_together(rankings: Sequence[Sequence[int]], count: int) -> list[tuple[int, float]]:
    """Reciprocal rank fusion (Cormack and others, 2009): what stands high in several rankings, whatever their scores
    mean."""
    scores = dict[int, float]()
    for ranking in rankings:
        for place, text in enumerate(ranking, start=1):
            scores[text] = scores.get(text, 0.0) + 1 / (_FUSION + place)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:count]
