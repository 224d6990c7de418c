"""Into which passages is a document cut, so that each can be found and read alone?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

PASSAGE_CHARACTERS_MAX = 1_500
HEADING_CHARACTERS_MAX = 200
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Document:
    """`path` is the file's place below the folder, with `/`."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """`heading` is the way to it: `Returns > Shoes`; empty above the first heading and in plain text."""

    document: str
    heading: str
    text: str

    @property
    def searched(self) -> str:
        """What questions are compared with."""
        return f"{self.document} {self.heading}\n{self.text}"


def passages_of(document: Document) -> list[Passage]:
    """In order; sections of Markdown are never mixed, long ones are cut between paragraphs, else between words."""
    markdown = document.path.endswith((".md", ".markdown"))
    sections = _sections(document.text) if markdown else iter([("", document.text)])
    return [Passage(document.path, heading, text) for heading, body in sections for text in _pieces(body)]


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with the lines below it. What stands in a fenced block is no heading."""
    way, lines, fence = list[tuple[int, str]](), list[str](), ""
    for line in text.splitlines():
        opened = _FENCE.match(line)
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        found = None if fence else _HEADING.match(line)
        if found is None:
            lines.append(line)
            continue
        yield _named(way), "\n".join(lines)
        level, lines = len(found[1]), []
        way = [one for one in way if one[0] < level] + [(level, found[2])]
    yield _named(way), "\n".join(lines)


def _named(way: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in way)[:HEADING_CHARACTERS_MAX]


def _pieces(body: str) -> Iterator[str]:
    gathered = ""
    for paragraph in re.split(r"\n[ \t]*\n", body):
        for part in _parts(paragraph.strip("\n").rstrip()):
            if gathered and len(gathered) + len(part) + 2 > PASSAGE_CHARACTERS_MAX:
                yield gathered
                gathered = ""
            gathered = f"{gathered}\n\n{part}" if gathered else part
    if gathered:
        yield gathered


def _parts(paragraph: str) -> Iterator[str]:
    while len(paragraph) > PASSAGE_CHARACTERS_MAX:
        at = max(paragraph.rfind(end, 0, PASSAGE_CHARACTERS_MAX) for end in ("\n", ". ", " "))
        at = at + 1 if at > 0 else PASSAGE_CHARACTERS_MAX
        yield paragraph[:at].rstrip()
        paragraph = paragraph[at:].lstrip()
    if paragraph.strip():
        yield paragraph
