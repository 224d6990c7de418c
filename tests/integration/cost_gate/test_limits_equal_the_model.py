"""Do limits of requests, tokens and calls at once admit exactly what a naive model admits, after any history?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.cost_gate.open_gate import open_gate
from tests.support.start_servers import RedisServer

from cost_gate import UNCAPPED, Ask, Gate, Limited, Rate, RateKind, Reserved, Scope, ScopeKind

START = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope(ScopeKind.TENANT, "acme", UNCAPPED)
RATES = (
    Rate(RateKind.TENANT, "acme", requests_per_minute=6, tokens_per_minute=600, concurrent_max=3),
    Rate(RateKind.ENTITY, "acme/c1", requests_per_minute=3, concurrent_max=2),
    Rate(RateKind.PROVIDER, "p", tokens_per_minute=300),
)
LEASE_SECONDS = 30


@dataclass
class Bucket:
    """Exact: fractions of a token, no rounding."""

    limit: int
    level: Fraction
    at: int = 0

    def there(self, second: int) -> Fraction:
        return min(Fraction(self.limit), self.level + Fraction(self.limit * (second - self.at), 60))


@dataclass
class Model:
    """What each limit has left."""

    buckets: dict[tuple[int, str], Bucket] = field(default_factory=dict)
    running: dict[str, tuple[tuple[int, ...], int, int]] = field(default_factory=dict)
    """By reservation: limits that it counts against, tokens that it took, when its lease ends."""

    def __post_init__(self) -> None:
        for number, rate in enumerate(RATES):
            for name, limit in (("requests", rate.requests_per_minute), ("tokens", rate.tokens_per_minute)):
                if limit is not None:
                    self.buckets[number, name] = Bucket(limit, Fraction(limit))

    def admit(self, id: str, which: tuple[int, ...], tokens: int, second: int) -> bool:
        taken: list[tuple[Bucket, int]] = []
        for number in which:
            for name, wanted in (("requests", 1), ("tokens", tokens)):
                bucket = self.buckets.get((number, name))
                if bucket is not None and bucket.there(second) < min(wanted, bucket.limit):
                    return False
                taken += [(bucket, wanted)] if bucket is not None else []
            most = RATES[number].concurrent_max
            if most is not None and sum(number in one for one, _, _ in self.running.values()) >= most:
                return False
        for bucket, wanted in taken:
            bucket.level, bucket.at = bucket.there(second) - wanted, second
        self.running[id] = (which, tokens, second + LEASE_SECONDS)
        return True

    def end(self, id: str, tokens: int | None) -> None:
        which, took, _ = self.running.pop(id)
        for number in which if tokens is not None else ():
            bucket = self.buckets.get((number, "tokens"))
            if bucket is not None:
                bucket.level += took - tokens

    def sweep(self, second: int) -> None:
        for id in [id for id, (_, _, lapses) in self.running.items() if lapses <= second]:
            self.end(id, None)


STEPS = st.one_of(
    st.tuples(
        st.just("ask"),
        st.sets(st.integers(0, 2), min_size=1).map(lambda some: tuple(sorted(some))),
        st.integers(0, 400),
    ),
    st.tuples(st.just("end"), st.just(()), st.integers(0, 400)),
    st.tuples(st.just("wait"), st.just(()), st.integers(0, 40)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEPS, max_size=40))
async def test_limits_admit_what_a_naive_model_admits(
    redis_server: RedisServer, history: list[tuple[str, tuple[int, ...], int]]
) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        model, second = Model(), 0
        for number, (kind, which, figure) in enumerate(history):
            if kind == "wait":
                second += figure
                await gate.sweep(now=START + timedelta(seconds=second))
                model.sweep(second)
            elif kind == "ask":
                await ask(gate, model, f"r{number}", which, (figure, second))
            elif model.running:
                first = next(iter(model.running))
                await gate.settle(first, 0, tokens_actual=figure)
                model.end(first, figure)


async def ask(gate: Gate, model: Model, id: str, which: tuple[int, ...], figures: tuple[int, int]) -> None:
    tokens, second = figures
    asked = Ask(id, [SCOPE], 0, rates=[RATES[number] for number in which], tokens=tokens)
    answer = await gate.reserve(asked, lease_seconds=LEASE_SECONDS, now=START + timedelta(seconds=second))
    assert isinstance(answer, Reserved | Limited)
    assert isinstance(answer, Reserved) is model.admit(id, which, tokens, second)
    if isinstance(answer, Limited) and answer.what != "concurrent":
        number = RATES.index(answer.rate)
        bucket, wanted = model.buckets[number, answer.what], 1 if answer.what == "requests" else tokens
        missing = min(wanted, bucket.limit) - bucket.there(second)
        assert abs(answer.retry_after_seconds - float(missing * 60 / bucket.limit)) < 0.01
