"""In which order is what waits dealt with, and what stands before a customer in it?"""

from dataclasses import dataclass

ORDER = ("due_ms", "rank", "opened_ms")
"""Fields of a row: what is due next, then what is more urgent, then what is older. The list, the assignment and the
place that a customer is told are in this order."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Rows with these values, and less than `below` in this field."""

    equal: tuple[tuple[str, int], ...]
    field: str
    below: int


def ahead_of(place: tuple[int, ...]) -> tuple[Ahead, ...]:
    """What stands before a row with these values of `ORDER`: the rows of each group, none of which is in two."""
    known = tuple(zip(ORDER, place, strict=True))
    return tuple(Ahead(known[:number], field, below) for number, (field, below) in enumerate(known))
