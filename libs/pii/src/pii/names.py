"""How does a model of language that somebody has loaded find names of persons?

Nothing is imported here: a model costs 45 ms for a thousand characters and half a gigabyte, so that only who wants it
loads one: `detect(text, names=names_by(spacy.load("en_core_web_sm")))`; the gateway does in a process of its own.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from pii.findings import NameDetector


class Entity(Protocol):
    """What spaCy calls a Span."""

    @property
    def start_char(self) -> int: ...
    @property
    def end_char(self) -> int: ...
    @property
    def label_(self) -> str: ...


class Document(Protocol):
    """What spaCy calls a Doc."""

    @property
    def ents(self) -> Iterable[Entity]: ...


def names_by(pipeline: Callable[[str], Document], *, label: str = "PERSON") -> NameDetector:
    """A detector of names from a spaCy pipeline, or whatever answers in its shape."""

    def names(text: str) -> list[tuple[int, int]]:
        return [(one.start_char, one.end_char) for one in pipeline(text).ents if one.label_ == label]

    return names
