"""Which known question, if any, asks the same?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llm_gateway.domain.semantic_guard import ask_the_same, same_words

SIMILARITY_MIN = 0.88
MARGIN = 0.03
"""A question that is nearly as near, and was answered otherwise, makes both doubtful."""


def nearest(
    question: str,
    known: Sequence[str],
    *,
    answers: Sequence[str],
    likeness: NDArray[np.float32],
    similarity_min: float = SIMILARITY_MIN,
) -> int | None:
    """The place of the known question that asks the same: near enough, nothing decisive differs, and no question with
    another answer is nearly as near. `answers` tells answers apart; all three are in the same order."""
    if not len(known):
        return None
    best = int(np.argmax(likeness))
    if not likeness[best] >= similarity_min or not ask_the_same(question, known[best]):
        return None
    if same_words(question, known[best]):
        return best
    near = np.flatnonzero(likeness > likeness[best] - MARGIN)
    return None if any(answers[int(place)] != answers[best] for place in near) else best
