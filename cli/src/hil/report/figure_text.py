"""How is a figure written in a report?"""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import JsonValue

Unit = Literal["count", "percent", "ms", "usd", "number"]
Number = float | int | None
NOTHING = "–"
"""No data is not zero."""


def written(value: Number, unit: Unit) -> str:
    """In the unit's own way."""
    return NOTHING if value is None else WAYS[unit](value)


def unit_of(metric: str) -> Unit:
    """By its name, which promises, suites and analytics share."""
    if metric.endswith("_rate") or metric.startswith("pass^"):
        return "percent"
    if metric == "csat":
        return "number"
    return "ms" if metric.endswith("_ms") else "usd" if metric.startswith("cost") else "count"


def number_of(value: JsonValue) -> Number:
    """A figure of an answer; whatever else stands there is no figure."""
    return value if isinstance(value, int | float) else None


def _percent(value: float) -> str:
    """A second digit near nothing and near all, neither of which is said of what only comes close."""
    size = abs(value) * 100
    sign = "-" if value < 0 else ""
    if 0 < size < 1 or 99 < size < 100:
        return f"{sign}{min(max(size, 0.01), 99.99):.2f} %"
    return f"{sign}{size:.1f} %"


def _duration(ms: float) -> str:
    if abs(ms) < 1_000:
        return f"{ms:.0f} ms"
    if abs(ms) < 60_000:
        return f"{ms / 1_000:.2f} s"
    if abs(ms) < 3_600_000:
        return f"{ms / 60_000:.1f} min"
    return f"{ms / 3_600_000:,.1f} h"


def _dollars(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 1_000 else 2 if size >= 1 or size == 0 else 4 if size >= 0.01 else 6
    return f"{'-' if value < 0 else ''}${size:,.{digits}f}"


WAYS: Mapping[Unit, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "percent": _percent,
    "ms": _duration,
    "usd": _dollars,
    "number": lambda value: f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}",
}
