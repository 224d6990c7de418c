"""Where on a picture does each point of a chart stand?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hil.report.figure_text import Unit, written

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 10, 24
TICKS, TIME_TICKS = 4, 6
TICK_WIDTH = 76
"""A time that would not fit before the edge is left out."""
BAR_SHARE = 0.8
Kind = Literal["lines", "stack"]


@dataclass(frozen=True, slots=True)
class Series:
    """A value for each bucket; None is a gap in a line, and nothing in a stack."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """`starts_ms` of buckets of the same length, in order; `ends_ms` of the last, though the period may end before."""

    title: str
    unit: Unit
    kind: Kind
    starts_ms: tuple[int, ...]
    ends_ms: int
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a stack; `of` is the place of its series in the legend."""

    x: float
    y: float
    width: float
    height: float
    of: int


@dataclass(frozen=True, slots=True)
class Line:
    """Corner points of a stretch without gaps, as SVG has them; one point alone is a dot."""

    points: str
    of: int
    is_dot: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn, in units of the picture."""

    data: Data
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]


def picture(data: Data, zone: datetime) -> Picture:
    """Axes start at zero, so that heights can be compared; times are in the zone of `zone`."""
    top, step = _scale(data)
    return Picture(
        data,
        bars=tuple(_bars(data, top)) if data.kind == "stack" else (),
        lines=tuple(_lines(data, top)) if data.kind == "lines" else (),
        y_ticks=tuple(Tick(_y(value, top), written(value, data.unit)) for value in _steps(top, step)),
        x_ticks=tuple(_times(data, zone)),
    )


def nice_step(largest: float) -> float:
    """The least of 1, 2 and 5 by a power of ten of which `TICKS` reach it."""
    rough = largest / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _scale(data: Data) -> tuple[float, float]:
    sums = [sum(values) for values in zip(*([value or 0 for value in one.values] for one in data.series), strict=True)]
    ones = [value for one in data.series for value in one.values if value is not None]
    largest = max(sums if data.kind == "stack" else ones, default=0)
    if largest <= 0:
        return 1, 1
    step = nice_step(largest)
    return math.ceil(largest / step - 1e-9) * step, step


def _steps(top: float, step: float) -> Iterator[float]:
    return (number * step for number in range(round(top / step) + 1))


def _x(at_ms: float, data: Data) -> float:
    share = (at_ms - data.starts_ms[0]) / (data.ends_ms - data.starts_ms[0])
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, top: float) -> float:
    return round(TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM), 1)


def _bars(data: Data, top: float) -> Iterator[Bar]:
    width = (WIDTH - LEFT - RIGHT) / len(data.starts_ms) * BAR_SHARE
    for place, start_ms in enumerate(data.starts_ms):
        below = 0.0
        for number, one in enumerate(data.series):
            value = one.values[place] or 0
            if value > 0:
                y = _y(below + value, top)
                yield Bar(_x(start_ms, data), y, round(width, 1), round(_y(below, top) - y, 1), number)
            below += value


def _lines(data: Data, top: float) -> Iterator[Line]:
    for number, one in enumerate(data.series):
        stretch: list[str] = []
        for start_ms, value in [*zip(data.starts_ms, one.values, strict=True), (data.ends_ms, None)]:
            if value is not None:
                stretch.append(f"{_x(start_ms, data)},{_y(value, top)}")
            elif stretch:
                yield Line(" ".join(stretch), number, is_dot=len(stretch) == 1)
                stretch = []


def _times(data: Data, zone: datetime) -> Iterator[Tick]:
    step = max(1, math.ceil(len(data.starts_ms) / TIME_TICKS))
    is_days = data.ends_ms - data.starts_ms[0] > 3 * 86_400_000
    for start_ms in data.starts_ms[::step]:
        at, x = datetime.fromtimestamp(start_ms / 1_000, zone.tzinfo), _x(start_ms, data)
        if x <= WIDTH - TICK_WIDTH:
            yield Tick(x, at.strftime("%d %b" if is_days else "%d %b %H:%M"))


def starts(from_ms: int, to_ms: int, length_ms: int) -> Sequence[int]:
    """Starts of the buckets of a period, also of those without anything."""
    return range(from_ms // length_ms * length_ms, to_ms, length_ms)
