"""Which passages of the documents answer a question, by words and, where vectors are, by meaning?"""

import hashlib
import math
import operator
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tool_runner.adapters.knowledge.read_folder import KnowledgeUnusable, version_of
from tool_runner.domain.passages import Document, Passage, passages_of
from tool_runner.domain.rank_words import WordIndex, ranked_together, word_index

PASSAGES_MAX = 20_000
PASSAGES_WITH_VECTORS_MAX = 1_000
"""All are compared with each question, in plain Python: 0.2 s with 1,536 numbers each, on a busy core."""
_CANDIDATES = 50

Vector = Sequence[float]
BY_WORDS, BY_WORDS_AND_MEANING = "words", "words and meaning"


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class PassageIndex:
    """All passages of one state of the folder. `vectors` are empty, or one of length 1 for each passage."""

    version: str
    passages: Sequence[Passage] = field(repr=False)
    words: WordIndex = field(repr=False)
    vectors: Sequence[Vector] = field(default=(), repr=False)

    def search(self, question: str, count: int) -> list[Hit]:
        """The best by words, best first; scores are those of BM25."""
        return [Hit(self.passages[place], score) for place, score in self.words.ranked(question, count)]

    def search_with(self, question: str, vector: Vector, count: int) -> list[Hit]:
        """The best by words and meaning together; scores are those of reciprocal rank fusion."""
        near = unit(vector)
        alike = [sum(map(operator.mul, near, one)) for one in self.vectors]
        by_meaning = sorted(range(len(alike)), key=alike.__getitem__, reverse=True)[:_CANDIDATES]
        by_words = [place for place, _ in self.words.ranked(question, _CANDIDATES)]
        return [Hit(self.passages[place], score) for place, score in ranked_together([by_words, by_meaning], count)]


def index_of(documents: Sequence[Document]) -> PassageIndex:
    """Raises KnowledgeUnusable."""
    passages = list[Passage]()
    for document in documents:
        passages += passages_of(document)
        if len(passages) > PASSAGES_MAX:
            raise KnowledgeUnusable(f"{document.path}: over the limit of {PASSAGES_MAX} passages; use several folders")
    if not passages:
        raise KnowledgeUnusable("the documents are empty; write something into them")
    return PassageIndex(version_of(documents), passages, word_index(one.searched for one in passages))


def key_of(passage: Passage) -> bytes:
    """By which the vector of an unchanged passage is found again after a change elsewhere."""
    return hashlib.sha256(passage.searched.encode("utf-8", "surrogatepass")).digest()


def with_vectors(index: PassageIndex, vectors: Mapping[bytes, Vector]) -> PassageIndex:
    """The same index, compared by meaning too. There must be a vector for each passage."""
    units = [unit(vectors[key_of(one)]) for one in index.passages]
    return PassageIndex(index.version, index.passages, index.words, units)


def unit(vector: Vector) -> Vector:
    """The direction of a vector."""
    length = math.sqrt(sum(map(operator.mul, vector, vector))) or 1.0
    return array("f", (one / length for one in vector))
