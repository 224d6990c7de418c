"""What does a text say when it is written otherwise: with other digits, invisible characters, or encoded?

The search looks at plain text; what it finds is told as places of the text as it was.
"""

import html
import re
from dataclasses import dataclass

from pii.findings import Finding

_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0)
"""Where the digits of other scripts begin, from Arabic to Lao."""
_ALIKE = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **{zero + value: ord("0") + value for zero in _ZEROS for value in range(10)},
    **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), ord(" ")),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212, 0xFE58, 0xFE63), ord("-")),
    0xFE6B: ord("@"),
    0x3002: ord("."),
    0xFF61: ord("."),
}
_ANY_ALIKE = re.compile(f"[{''.join(map(chr, sorted(_ALIKE)))}]")
_WRITTEN = re.compile(
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0f\ufeff]"
    r"|%(?:2[0-9A-Fa-f]|3[0-9AaBb]|40)|\\{1,8}(?:u00[2-7][0-9A-Fa-f]|[nrtbf])|&(?:#[0-9]{1,4}|#[xX][0-9A-Fa-f]{1,3}|commat|period|plus|nbsp);"
)
"""Invisible characters, and those parts of URLs, JSON and HTML that stand for a character of an address or number."""


@dataclass(frozen=True, slots=True)
class Plain:
    """`places[i]` is where character i of `text` began; None where nothing has moved."""

    text: str
    places: list[int] | None = None

    def as_written(self, finding: Finding) -> Finding:
        """The finding's place in the text as it was."""
        if self.places is None:
            return finding
        return Finding(self.places[finding.start], self.places[finding.end], finding.kind)


def is_plain(text: str) -> bool:
    """A quick look: whether nothing can be written otherwise."""
    return text.isascii() and "%" not in text and "\\" not in text and "&" not in text


def plain(text: str) -> Plain:
    """The text as it is meant."""
    if is_plain(text):
        return Plain(text)
    if not text.isascii() and _ANY_ALIKE.search(text):
        text = text.translate(_ALIKE)
    parts, places, at = list[str](), list[int](), 0
    for match in _WRITTEN.finditer(text):
        meant = _meant(match[0])
        parts += [text[at : match.start()], meant]
        places += [*range(at, match.start()), *([match.start()] * len(meant))]
        at = match.end()
    if not at:
        return Plain(text)
    return Plain("".join([*parts, text[at:]]), [*places, *range(at, len(text) + 1)])


def _meant(written: str) -> str:
    match written[0]:
        case "%":
            return chr(int(written[1:], 16))
        case "\\":
            return chr(int(written[-4:], 16)) if "u" in written else " "
        case "&":
            return html.unescape(written).replace("\u00a0", " ")
    return ""
