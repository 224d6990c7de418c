"""How far may what was measured be from the truth, however often somebody looks?

Asymptotic confidence sequences with the normal mixture boundary of Howard, Ramdas, McAuliffe and Sekhon (2021), as
GrowthBook's sequential tests use it: one interval at every moment, all right together with probability 1 - alpha.
"""

import math


def half_width(standard_error: float, observations: int, *, alpha: float, tuned_for: int) -> float:
    """Half of the interval around a mean, or around a difference of means, of this standard error now.

    It is tightest when there are `tuned_for` observations, and right at any number of them."""
    growth = _growth(observations, alpha=alpha, tuned_for=tuned_for)
    return standard_error * math.sqrt((1 + 1 / growth) * (math.log(1 + growth) - 2 * math.log(alpha)))


def one_sided_width(standard_error: float, observations: int, *, alpha: float, tuned_for: int) -> float:
    """How far the truth may be to one side, where the other does not matter."""
    growth = _growth(observations, alpha=2 * alpha, tuned_for=tuned_for)
    return standard_error * math.sqrt(2 * (1 + 1 / growth) * math.log(1 + math.sqrt(1 + growth) / (2 * alpha)))


def quantile_ranks(share: float, observations: int, *, alpha: float, tuned_for: int) -> tuple[int, int | None]:
    """Places, counted from 0 among sorted values, between which the true quantile lies (each side with error alpha);
    None where the values do not reach high enough.

    Whether a value is below the true quantile is a coin of known bias, so its mean has a sequence of its own."""
    standard_error = math.sqrt(share * (1 - share) / observations)
    width = one_sided_width(standard_error, observations, alpha=alpha, tuned_for=tuned_for)
    low = max(0, math.floor((share - width) * observations) - 1)
    high = math.ceil((share + width) * observations)
    return low, high if high < observations else None


def _growth(observations: int, *, alpha: float, tuned_for: int) -> float:
    """Information gathered, against the mixture's prior; GrowthBook's tuning of Waudby-Smith's `rho`."""
    doubled = -2 * math.log(alpha)
    return observations / tuned_for * (doubled + math.log(doubled + 1))
