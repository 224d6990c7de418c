"""How many conversations took these steps, one after the other, and how long from one to the next?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, get_args

Step = Literal[
    "customer_wrote", "ai_answered", "handed_over", "claimed", "person_answered", "resolved", "returned", "rated"
]
STEPS: tuple[Step, ...] = get_args(Step)
_MOMENTS: Mapping[Step, str] = {
    "customer_wrote": "first.customer",
    "ai_answered": "first.ai",
    "handed_over": "opened.",
    "claimed": "owned.",
    "person_answered": "first.human_agent",
    "resolved": "ended.resolved.",
    "returned": "ended.returned.",
    "rated": "rated.",
}
"""Names of moments (in_conversation.py), or how they begin. Of each name the earliest is kept: what a customer or the
AI wrote later is no moment, but each handover and each claim has moments of its own."""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """Conversations that took this step after all those before it. Shares and the median time since the step before are
    None where there is nothing to divide, or no step before."""

    step: Step
    conversations: int
    share_of_first: float | None
    share_of_previous: float | None
    median_ms: float | None


def funnel(steps: Sequence[Step], conversations: Iterable[Mapping[str, int]]) -> list[StepTaken]:
    """Of the moments of conversations. A step counts at the moment of the one before, or after it."""
    waits: list[list[int]] = [[] for _ in steps]
    for moments in conversations:
        for number, wait in enumerate(_waits(steps, moments)):
            waits[number].append(wait)
    counts = [len(of_step) for of_step in waits]
    return [
        StepTaken(
            step=step,
            conversations=counts[number],
            share_of_first=_share(counts[number], counts[0]),
            share_of_previous=_share(counts[number], counts[number - 1]) if number else None,
            median_ms=median(waits[number]) if number and waits[number] else None,
        )
        for number, step in enumerate(steps)
    ]


def _waits(steps: Sequence[Step], moments: Mapping[str, int]) -> Iterable[int]:
    """How long each step came after the one before, as far as the conversation went. The earliest moment that is late
    enough is taken: a later one would leave no more to the steps behind it."""
    reached_ms = 0
    for step in steps:
        begin = _MOMENTS[step]
        later = [at_ms for name, at_ms in moments.items() if name.startswith(begin) and at_ms >= reached_ms]
        if not later:
            return
        yield min(later) - reached_ms
        reached_ms = min(later)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
