"""Has every subscriber been told everything, once, in order, and does it know what a fresh snapshot says?

Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hil.desktop.state import DesktopState, differences


@dataclass(frozen=True, slots=True)
class FeedVerdict:
    """How many changes were missed, told twice, told in the wrong order, or not to be told at all, and what subscribers
    know otherwise than the snapshot (some of it, in words)."""

    gaps: int
    repeats: int
    disorder: int
    strange: int
    wrong_states: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.gaps or self.repeats or self.disorder or self.strange or self.wrong_states)


def judge(
    told: Sequence[tuple[Sequence[int], DesktopState]], *, expected: Sequence[int], snapshot: DesktopState
) -> FeedVerdict:
    """Of each subscriber the ids of changes as they came, and what it knows."""
    wanted = set(expected)
    return FeedVerdict(
        gaps=sum(len(wanted - set(ids)) for ids, _ in told),
        repeats=sum(len(ids) - len(set(ids)) for ids, _ in told),
        disorder=sum(later < earlier for ids, _ in told for earlier, later in pairwise(ids)),
        strange=sum(len(set(ids) - wanted) for ids, _ in told),
        wrong_states=tuple(
            f"subscriber {number}: {text}"
            for number, (_, state) in enumerate(told)
            for text in _first(_differences(snapshot, state))
        ),
    )


def _differences(snapshot: DesktopState, found: DesktopState) -> Iterable[str]:
    for name in ("rows", "lines", "conversations"):
        wanted, known = getattr(snapshot, name), getattr(found, name)
        if wanted != known:
            yield from (f"{name} {text}" for text in differences(wanted, known))


def _first(texts: Iterable[str]) -> list[str]:
    return [text for text, _ in zip(texts, range(3), strict=False)]
