"""What is the chance that k tries of a case all succeed, estimated from n tries without bias?"""

from collections.abc import Sequence
from math import comb

Tally = tuple[int, int]
"""Trials of a case that passed, and all of them."""


def pass_k(passed: int, trials: int, k: int) -> float | None:
    """C(passed, k) / C(trials, k), as in τ-bench; None where there are fewer trials than k: nothing is known then."""
    assert 0 <= passed <= trials, f"{passed} of {trials} trials passed"
    assert k >= 1, f"k is {k}"
    return comb(passed, k) / comb(trials, k) if trials >= k else None


def mean_pass_k(cases: Sequence[Tally], k: int) -> float | None:
    """Mean over cases; None where a case has fewer trials than k, or there is no case."""
    each = [pass_k(passed, trials, k) for passed, trials in cases]
    known = [share for share in each if share is not None]
    return sum(known) / len(known) if known and len(known) == len(each) else None
