"""Could chance alone have made this difference between two evaluations of the same cases?"""

import random
from collections.abc import Sequence

from hil.eval.figures import Measure
from hil.eval.results import Trial

SHUFFLES = 999
Pair = tuple[Sequence[Trial], Sequence[Trial]]
"""Trials of one case: before, and now."""


def chance_of(pairs: Sequence[Pair], measure: Measure, *, sign: int, shuffles: int = SHUFFLES, seed: int = 0) -> float:
    """How often a difference as bad as the one seen arises when, within each case, it is only chance which trials were
    before and which are now: a permutation test, one-sided, exact for any figure and for cases of any difficulty.
    `sign` is 1 where a higher figure is worse, -1 where a lower one is. The seed makes it the same every time."""
    draw = random.Random(seed)  # noqa: S311 - statistics, no secret
    seen = _worsening(pairs, measure, sign)
    assert seen is not None, "a difference of figures that are not both measured"
    as_bad = 0
    for _ in range(shuffles):
        worsening = _worsening([_shuffled(pair, draw) for pair in pairs], measure, sign)
        as_bad += worsening is not None and worsening >= seen - 1e-12
    return (1 + as_bad) / (1 + shuffles)


def _shuffled(pair: Pair, draw: random.Random) -> Pair:
    before, now = pair
    mixed = [*before, *now]
    draw.shuffle(mixed)
    return mixed[: len(before)], mixed[len(before) :]


def _worsening(pairs: Sequence[Pair], measure: Measure, sign: int) -> float | None:
    before, now = measure([pair[0] for pair in pairs]), measure([pair[1] for pair in pairs])
    return None if before is None or now is None else sign * (now - before)
