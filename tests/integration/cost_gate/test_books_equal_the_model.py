"""Do the books in Redis equal a naive model after any history of calls?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.cost_gate.open_gate import open_gate
from tests.support.start_servers import RedisServer

from cost_gate import Ask, Balance, Gate, Refused, Scope, ScopeKind

START = datetime(2026, 1, 1, tzinfo=UTC)
SCOPES = (
    Scope(ScopeKind.TENANT, "acme", 2_000),
    Scope(ScopeKind.EXECUTION, "acme/e1", 1_000),
    Scope(ScopeKind.NODE, "acme/e1/a", 400),
    Scope(ScopeKind.NODE, "acme/e1/b"),
    Scope(ScopeKind.EXECUTION, "acme/e2", 0),
)
LEASE_SECONDS = 10


@dataclass
class Book:
    scopes: tuple[int, ...]
    amount: int
    lapses_at: int
    standing: str = "held"
    actual: int = 0


@dataclass
class Model:
    """Recounts everything from the reservations each time: slow, and plainly right."""

    books: dict[str, Book] = field(default_factory=dict)

    def balance(self, scope: int) -> Balance:
        mine = [book for book in self.books.values() if scope in book.scopes]
        return Balance(
            sum(book.actual for book in mine),
            sum(book.amount for book in mine if book.standing == "held"),
            sum(max(book.actual - book.amount, 0) for book in mine),
        )

    def lapse(self, second: int) -> None:
        for book in self.books.values():
            if book.standing == "held" and book.lapses_at <= second:
                book.standing, book.actual = "lapsed", book.amount

    def reserve(self, id: str, scopes: tuple[int, ...], amount: int, second: int) -> bool:
        self.lapse(second)
        if id in self.books:
            return True
        for scope in scopes:
            cap, balance = SCOPES[scope].cap_microdollars, self.balance(scope)
            spoken_for = balance.spent_microdollars + balance.held_microdollars
            if isinstance(cap, int) and (cap == 0 or spoken_for + amount > cap):
                return False
        self.books[id] = Book(scopes, amount, second + LEASE_SECONDS)
        return True

    def close(self, id: str, standing: str, actual: int) -> None:
        book = self.books.get(id)
        if book and book.standing in ("held", "lapsed"):
            book.standing, book.actual = standing, actual


IDS = st.sampled_from([f"r{i}" for i in range(8)])
AMOUNTS = st.integers(0, 500)
SOME_SCOPES = st.sets(st.integers(1, len(SCOPES) - 1), max_size=3).map(lambda some: (0, *sorted(some)))
STEPS = st.one_of(
    st.tuples(st.just("reserve"), IDS, SOME_SCOPES, AMOUNTS),
    st.tuples(st.just("settle"), IDS, st.just(()), AMOUNTS),
    st.tuples(st.just("release"), IDS, st.just(()), st.just(0)),
    st.tuples(st.just("sweep"), st.just(""), st.just(()), st.just(0)),
    st.tuples(st.just("wait"), st.just(""), st.just(()), st.integers(1, 12)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEPS, max_size=25))
async def test_the_books_equal_a_naive_model_after_any_history(
    redis_server: RedisServer, history: list[tuple[str, str, tuple[int, ...], int]]
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


async def play(gate: Gate, model: Model, step: tuple[str, str, tuple[int, ...], int], second: int) -> None:
    kind, id, scopes, amount = step
    now = START + timedelta(seconds=second)
    match kind:
        case "reserve":
            ask = Ask(id, [SCOPES[index] for index in scopes], amount)
            answer = await gate.reserve(ask, lease_seconds=LEASE_SECONDS, now=now)
            assert isinstance(answer, Refused) is not model.reserve(id, scopes, amount, second)
        case "settle":
            await gate.settle(id, amount)
            model.close(id, "settled", amount)
        case "release":
            await gate.release(id)
            model.close(id, "released", 0)
        case "sweep":
            await gate.sweep(now=now)
            model.lapse(second)
