"""Which value has a field of a checked file? What was reported as wrong, or is absent, has the default."""

from decimal import Decimal
from typing import Literal, cast

from orchestrator.domain.workflow import JsonValue

Fields = dict[str, JsonValue]
Priority = Literal["low", "normal", "high", "urgent"]

MICRODOLLARS = 1_000_000
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def mapping(value: JsonValue) -> Fields:
    return value if isinstance(value, dict) else {}


def listing(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def text(value: JsonValue, default: str = "") -> str:
    return value if isinstance(value, str) else default


def optional_text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(entry for entry in listing(value) if isinstance(entry, str))


def integer(value: JsonValue, default: int) -> int:
    return int(value) if isinstance(value, int | float) else default


def number(value: JsonValue, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def optional_integer(value: JsonValue) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def optional_number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def microdollars(value: JsonValue) -> int | None:
    """USD to micro-dollars, rounded down; None when absent or `uncapped`."""
    dollars = usd(value)
    return None if dollars is None else int(dollars * MICRODOLLARS)


def usd(value: JsonValue) -> Decimal | None:
    """A number's shortest decimal text is what the author wrote, so 0.1 is exactly 0.1."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "uncapped":
        return None
    return Decimal(str(value))


def priority(value: JsonValue) -> Priority | None:
    return cast(Priority, value) if isinstance(value, str) else None  # the schema has checked the word


def seconds(value: JsonValue) -> int | None:
    """`7d` in seconds; None for `ongoing` and when absent."""
    duration = text(value)
    return int(duration[:-1]) * _SECONDS[duration[-1]] if duration[-1:] in _SECONDS else None
