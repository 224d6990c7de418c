"""What is a found piece of personal data, and how are overlapping ones kept apart?"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    SSN = "ssn"
    IBAN = "iban"
    IP = "ip"
    NAME = "name"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`text[start:end]` is of this kind."""

    start: int
    end: int
    kind: Kind


class NameDetector(Protocol):
    """A model that finds names of persons; slow, so it is not used on the way of a call."""

    def __call__(self, text: str) -> list[tuple[int, int]]: ...


@dataclass(slots=True)
class Found:
    """Findings without overlaps: what was taken first stays, so that the more certain kinds go first."""

    findings: list[Finding] = field(default_factory=list)

    def free(self, start: int, end: int) -> bool:
        """Whether nothing that was found reaches into `start:end`."""
        at = bisect_left(self.findings, start, key=lambda finding: finding.start)
        before = self.findings[at - 1] if at else None
        after = self.findings[at] if at < len(self.findings) else None
        return (before is None or before.end <= start) and (after is None or after.start >= end)

    def take(self, start: int, end: int, kind: Kind) -> bool:
        """Keep this finding if its place is free."""
        if not self.free(start, end):
            return False
        insort(self.findings, Finding(start, end, kind))
        return True
