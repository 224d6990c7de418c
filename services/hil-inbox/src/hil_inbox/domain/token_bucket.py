"""May this happen once more now, at so many times a minute?"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_minute` on average, and at most `burst` at once."""

    per_minute: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a rate, and when that was."""

    tokens: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The bucket afterwards; `wait_ms` is 0 if one was taken, else how long until there is one."""

    bucket: Bucket
    wait_ms: int


def take(bucket: Bucket | None, rate: Rate, *, now_ms: int) -> Taken:
    """Take one. A clock that goes back fills nothing."""
    if bucket is None:
        bucket = Bucket(rate.burst, now_ms)
    passed_ms = max(0, now_ms - bucket.at_ms)
    tokens = min(rate.burst, bucket.tokens + passed_ms * rate.per_minute / 60_000)
    filled = Bucket(tokens, max(now_ms, bucket.at_ms))
    if tokens >= 1:
        return Taken(replace(filled, tokens=tokens - 1), 0)
    return Taken(filled, int((1 - tokens) * 60_000 / rate.per_minute) + 1)
