"""Do the books in Redis equal a naive model after any history of calls?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.cost_gate.open_gate import open_gate
from tests.support.start_servers import RedisServer

from cost_gate import Ask, Balance, Gate, OverQuota, Quota, Refused, Reserved, Scope, ScopeKind, Window

START = datetime(2026, 1, 1, 0, 59, 40, tzinfo=UTC)  # The hour ends within a history.
SCOPES = (
    Scope(ScopeKind.TENANT, "acme", 2_000),
    Scope(ScopeKind.EXECUTION, "acme/e1", 1_000),
    Scope(ScopeKind.NODE, "acme/e1/a", 400),
    Scope(ScopeKind.NODE, "acme/e1/b"),
    Scope(ScopeKind.EXECUTION, "acme/e2", 0),
)
QUOTAS = (
    Quota("shop.pay", 3, Window.HOUR),
    Quota("acme/shop.pay", 5, Window.DAY),
    Quota("acme/shop.pay", 2, Window.HOUR),
)
LEASE_SECONDS = 10
Limits = tuple[tuple[int, ...], tuple[int, ...]]
"""Scopes and quotas, by number."""


@dataclass
class Book:
    limits: Limits
    amount: int
    asked_at: int
    standing: str = "held"
    actual: int = 0


@dataclass
class Model:
    """Recounts everything from the reservations each time: slow, and plainly right."""

    books: dict[str, Book] = field(default_factory=dict)

    def calls(self, quota: int, second: int) -> tuple[int, int]:
        mine = [
            book.standing
            for book in self.books.values()
            if quota in book.limits[1]
            and (QUOTAS[quota].window is Window.DAY or hour_of(book.asked_at) == hour_of(second))
        ]
        return sum(standing in ("settled", "lapsed") for standing in mine), mine.count("held")

    def balance(self, scope: int) -> Balance:
        mine = [book for book in self.books.values() if scope in book.limits[0]]
        return Balance(
            sum(book.actual for book in mine),
            sum(book.amount for book in mine if book.standing == "held"),
            sum(max(book.actual - book.amount, 0) for book in mine),
        )

    def lapse(self, second: int) -> None:
        for book in self.books.values():
            if book.standing == "held" and book.asked_at + LEASE_SECONDS <= second:
                book.standing, book.actual = "lapsed", book.amount

    def reserve(self, id: str, limits: Limits, amount: int, second: int) -> type:
        self.lapse(second)
        if id in self.books and self.books[id].standing != "released":
            return Reserved
        if any(sum(self.calls(quota, second)) >= QUOTAS[quota].calls_max for quota in limits[1]):
            return OverQuota
        for scope in limits[0]:
            cap, balance = SCOPES[scope].cap_microdollars, self.balance(scope)
            spoken_for = balance.spent_microdollars + balance.held_microdollars
            if isinstance(cap, int) and (cap == 0 or spoken_for + amount > cap):
                return Refused
        self.books[id] = Book(limits, amount, second)
        return Reserved

    def close(self, id: str, standing: str, actual: int) -> None:
        book = self.books.get(id)
        if book and book.standing in ("held", "lapsed"):
            book.standing, book.actual = standing, actual


def hour_of(second: int) -> int:
    return (START + timedelta(seconds=second)).hour


IDS = st.sampled_from([f"r{i}" for i in range(8)])
AMOUNTS = st.integers(0, 500)
SOME_SCOPES = st.sets(st.integers(1, len(SCOPES) - 1), max_size=3).map(lambda some: (0, *sorted(some)))
SOME_QUOTAS = st.sets(st.integers(0, len(QUOTAS) - 1), max_size=3).map(lambda some: tuple(sorted(some)))
NONE: st.SearchStrategy[Limits] = st.just(((), ()))
STEPS = st.one_of(
    st.tuples(st.just("reserve"), IDS, st.tuples(SOME_SCOPES, SOME_QUOTAS), AMOUNTS),
    st.tuples(st.just("settle"), IDS, NONE, AMOUNTS),
    st.tuples(st.just("release"), IDS, NONE, st.just(0)),
    st.tuples(st.just("sweep"), st.just(""), NONE, st.just(0)),
    st.tuples(st.just("wait"), st.just(""), NONE, st.integers(1, 12)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEPS, max_size=25))
async def test_the_books_equal_a_naive_model_after_any_history(
    redis_server: RedisServer, history: list[tuple[str, str, Limits, int]]
) -> None:
    async with open_gate(redis_server.url, empty=True) as gate:
        model, second = Model(), 0
        for step in history:
            second += step[3] if step[0] == "wait" else 0
            await play(gate, model, step, second)
        await gate.sweep(now=START + timedelta(seconds=second))
        model.lapse(second)
        for index, scope in enumerate(SCOPES):
            assert await gate.load_balance(scope, now=START) == model.balance(index)
        for index, quota in enumerate(QUOTAS):
            now = START + timedelta(seconds=second)
            assert await gate.load_calls(quota, now=now) == model.calls(index, second)


async def play(gate: Gate, model: Model, step: tuple[str, str, Limits, int], second: int) -> None:
    kind, id, limits, amount = step
    now = START + timedelta(seconds=second)
    match kind:
        case "reserve":
            scopes, quotas = [SCOPES[index] for index in limits[0]], [QUOTAS[index] for index in limits[1]]
            ask = Ask(id, scopes, amount, quotas=quotas)
            answer = await gate.reserve(ask, lease_seconds=LEASE_SECONDS, now=now)
            assert type(answer) is model.reserve(id, limits, amount, second)
        case "settle":
            await gate.settle(id, amount)
            model.close(id, "settled", amount)
        case "release":
            await gate.release(id)
            model.close(id, "released", 0)
        case "sweep":
            await gate.sweep(now=now)
            model.lapse(second)
