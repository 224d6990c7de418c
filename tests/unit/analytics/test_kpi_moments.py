"""Business events of a conversation: told once, told twice, told by a sale."""

from decimal import Decimal

import pytest
from tests.support.handovers import ended

from analytics.domain.in_conversation import in_conversation
from analytics.domain.kpi_moments import Kpi, kpis_in, moments_of, served_by
from contracts.envelope import LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.kpis import KpiRecorded


def moments_after(*messages: tuple[int, Message]) -> dict[str, int]:
    """What a conversation keeps: the earliest time of each moment."""
    kept: dict[str, int] = {}
    for at_ms, message in messages:
        for name, told_ms in in_conversation("acme", "c1", LogEntry(1, at_ms, "id", message, 1)).moments.items():
            kept[name] = min(told_ms, kept.get(name, told_ms))
    return kept


def told(kpi_id: str, name: str = "revenue", micros: int = 1_000_000, currency: str | None = "EUR") -> KpiRecorded:
    return KpiRecorded(kpi_id=kpi_id, name=name, value_micros=micros, currency=currency)


def sold(value: str | int | float | bool | None, **fields: object) -> ExecutionFinished:
    metadata = {} if value is None else {"order_value": value}
    return ended(outcome="sale_completed", metadata=metadata, **fields)


def test_an_id_counts_once_and_the_first_one_counts() -> None:
    moments = moments_after((30, told("o1")), (20, told("o2", "visits", 3, None)), (40, told("o1")))
    assert kpis_in(moments) == (Kpi(20, "visits", "", 3), Kpi(30, "revenue", "EUR", 1_000_000))
    changed = moments_after((30, told("o1", micros=5)), (29, told("o1", micros=7)))
    assert [kpi.micros for kpi in kpis_in(changed)] == [7]


@pytest.mark.parametrize(
    ("value", "micros"),
    [(129.9, 129_900_000), ("0.000001", 1), (-20, -20_000_000), ("1e3", 1_000_000_000), (0.1, 100_000)],
)
def test_a_completed_sale_books_its_order_value_to_the_millionth(value: str | float, micros: int) -> None:
    assert kpis_in(moments_after((9, sold(value)))) == (Kpi(9, "revenue", "USD", micros),)
    assert Decimal(micros).scaleb(-6) == Decimal(str(value))


@pytest.mark.parametrize("value", [None, True, "a lot", "NaN", "Infinity", "-inf", "1e30", 10**18, ""])
def test_what_is_no_amount_is_not_booked(value: str | int | bool | None) -> None:
    assert kpis_in(moments_after((9, sold(value)))) == ()


def test_an_order_value_of_another_outcome_is_not_booked() -> None:
    assert kpis_in(moments_after((9, ended(outcome="quoted", metadata={"order_value": 5})))) == ()


@pytest.mark.parametrize(
    ("currency", "booked"), [("EUR", "EUR"), ("eur", "USD"), ("EURO", "USD"), ("ÄÖÜ", "USD"), (7, "USD")]
)
def test_a_sale_is_booked_in_its_currency_or_in_dollars(currency: str | int, booked: str) -> None:
    sale = ended(outcome="sale_completed", metadata={"order_value": 5, "currency": currency})
    assert [kpi.currency for kpi in kpis_in(moments_after((9, sale)))] == [booked]


def test_a_standalone_execution_books_its_sale_too_and_no_client_can_take_its_id() -> None:
    sale = sold(5).model_copy(update={"execution_id": None})
    moments = moments_of(LogEntry(1, 9, "id", sale, 1), sale, workflow="w", version="1")
    assert moments == {"served.w/1": 1_000, "kpi.@.revenue.USD.5000000": 9}


def test_a_shadow_serves_nobody_and_sells_nothing() -> None:
    moments = moments_after((9, sold(5, stage="shadow")))
    assert (kpis_in(moments), served_by(moments, 9)) == ((), None)


def test_an_event_belongs_to_the_version_that_began_last_before_it() -> None:
    first, second = ended(started_ms=100), ended("x2", started_ms=500, version="2.0.0")
    moments = moments_after((200, first), (600, second), (700, ended("x3", started_ms=650)))
    assert served_by(moments, 499) == ("support", "1")
    assert served_by(moments, 500) == served_by(moments, 9_000) == ("support", "2.0.0")
    assert served_by(moments, 50) == ("support", "1")
    assert served_by({}, 50) is None
