"""Were conversations split as declared? If not, what reaches the figures differs between arms, and no verdict holds.

The test of Lindon and Malek (2022): the evidence for some other split against the declared one, as a Bayes factor with
a Dirichlet prior. Under the declared split it passes 1/alpha at any time with probability alpha at most, so that
looking every day costs nothing; a chi-square at each look would.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALPHA = 0.001
CONCENTRATION = 1_000
"""How close to the declared split other splits are looked for; best for two points in a hundred off."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Shares that were declared, and conversations that came, by version. `p_value` holds at all looks together;
    where it is a mismatch, no figure of the experiment can be trusted."""

    expected: Mapping[str, float]
    counted: Mapping[str, int]
    p_value: float
    is_mismatch: bool


def sample_ratio(percents: Mapping[str, int], counted: Mapping[str, int]) -> SampleRatio:
    """`percents` of the arms need not be 100 in all: only how arms share what came is looked at."""
    expected = {version: percent / sum(percents.values()) for version, percent in percents.items()}
    counts = {version: counted.get(version, 0) for version in percents}
    evidence = log_evidence(list(expected.values()), list(counts.values()))
    p_value = math.exp(min(0.0, -evidence))
    return SampleRatio(expected, counts, p_value, p_value < ALPHA)


def log_evidence(shares: Sequence[float], counts: Sequence[int]) -> float:
    """Logarithm of the Bayes factor against these shares; 0 without anything counted."""
    priors = [CONCENTRATION * share for share in shares]
    found = math.lgamma(sum(priors)) - math.lgamma(sum(priors) + sum(counts))
    for prior, share, count in zip(priors, shares, counts, strict=True):
        found += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return found
