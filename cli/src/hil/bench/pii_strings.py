"""Which strings judge the search for personal data, and what is to be found in them?"""

import re
from dataclasses import dataclass
from importlib.resources import files

import yaml

from pii import Finding, Kind, detect

_MARK = re.compile(r"\{\{(\w+)([:?])(.*?)\}\}")


@dataclass(frozen=True, slots=True)
class Case:
    """A string, what must be found in it, and what is personal but known not to be found."""

    text: str
    expected: tuple[Finding, ...] = ()
    gaps: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Score:
    """Of one kind. A value counts as found if a finding of its kind covers it."""

    expected: int = 0
    gaps: int = 0
    found: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        """Of what must be found."""
        return self.found / self.expected if self.expected else 1.0

    @property
    def recall_with_gaps(self) -> float:
        """Of all that is personal."""
        return self.found / (self.expected + self.gaps) if self.expected + self.gaps else 1.0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found + self.false else 1.0


def cases() -> list[Case]:
    """Strings that hold something."""
    return [_case(marked) for marked in _document()["found"]]


def look_alikes() -> list[str]:
    """Strings in which nothing is to be found."""
    return _document()["look_alikes"]


def scores() -> dict[Kind, Score]:
    """What `detect` makes of all strings."""
    found: dict[Kind, Score] = {}
    for case in (*cases(), *map(Case, look_alikes())):
        findings = detect(case.text)
        for one in case.expected:
            score = found.setdefault(one.kind, Score())
            score.expected += 1
            score.found += any(covers(finding, one) for finding in findings)
        for one in case.gaps:
            found.setdefault(one.kind, Score()).gaps += 1
        for finding in findings:
            if not any(covers(finding, one) for one in (*case.expected, *case.gaps)):
                found.setdefault(finding.kind, Score()).false += 1
    return found


def false_share() -> float:
    """Share of the look-alikes in which something is found."""
    strings = look_alikes()
    return sum(bool(detect(text)) for text in strings) / len(strings)


def covers(finding: Finding, expected: Finding) -> bool:
    """Of the same kind, and not a character of the value is left outside."""
    return finding.kind is expected.kind and finding.start <= expected.start and finding.end >= expected.end


def _case(marked: str) -> Case:
    text, at = "", 0
    spans: dict[str, list[Finding]] = {":": [], "?": []}
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans[mark[2]].append(Finding(len(text), len(text) + len(mark[3]), Kind(mark[1])))
        text += mark[3]
        at = mark.end()
    return Case(text + marked[at:], tuple(spans[":"]), tuple(spans["?"]))


def _document() -> dict[str, list[str]]:
    text = files("hil.bench").joinpath("pii_strings.yaml").read_text()
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document
