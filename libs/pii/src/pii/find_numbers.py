"""Which rows of digits are cards, social security numbers and telephone numbers?

Every pattern begins with a digit, for which the search of `re` is three times as fast as behind a look-behind; what
stands around a row is looked at afterwards.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

import phonenumbers

from pii.checks import is_card, is_ssn
from pii.findings import Found, Kind

_ROW = re.compile(r"\d(?:(?:[ .\-/\u00a0\u2011]|\)[ .\-]?| ?\(| [-\u2013] )?\d){6,20000}")
_GROUP = re.compile(r"\d+")
_CONTEXT_CHARACTERS = 32
DEFAULT_REGIONS = ("US",)
_PHONE_WORD = re.compile(
    r"\b(?:phones?|tel|telephone|mobile|cell|cellphone|call|text|sms|whatsapp|fax|reach|ring|contact|handy|telefon\w*"
    r"|t[ée]l[ée]phone|portable|celular|m[óo]vil|rufnummer|mobil\w*|telefone)(?![^\W_])",
    re.I,
)
_ID_WORD = re.compile(
    r"\b(?:orders?|items?|invoice|tracking|ticket|case|ref|reference|sku|product|account|user|ids?|zip|code)\b",
    re.I,
)
_SSN_WORD = re.compile(r"(?:\bssn|\bsocial security|\bsocial)(?![^\W_])", re.I)
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension) ?\d{1,6}\b", re.I)
_CARD_GROUPS = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3))
_CARD_DIGITS_BEHIND_MAX = 8
"""Expiry date and code; more is a longer number, such as a parcel's."""
_DATE = re.compile(r"(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}(?!\d)|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d(?!\d)")
_FIRST_SIZES = frozenset({1, 3, 4, 9, *range(13, 20)})
"""Of the first group of a card, a social security number, a telephone number of North America."""
_PHONE_DIGITS_MIN, _PHONE_DIGITS_MAX = 7, 15
_PHONE_GROUPS_MAX = 9
_TRIES_MAX = 4


@dataclass(slots=True)
class _Row:
    """Groups of digits that stand beside each other, with the number of digits of each."""

    text: str
    groups: list[tuple[int, int]]
    regions: tuple[str, ...]
    sizes: tuple[int, ...]
    taken: set[int] = field(default_factory=set)

    def between(self, place: int) -> str:
        """What separates a group from the one before."""
        return self.text[self.groups[place - 1][1] : self.groups[place][0]] if place else ""

    def digits(self, first: int, last: int) -> str:
        return "".join([self.text[start:end] for start, end in self.groups[first : last + 1]])

    def begins(self, first: int) -> bool:
        """Whether a number may begin here: nothing before, or something else that was found."""
        return first == 0 or first - 1 in self.taken

    def may_begin(self, first: int) -> bool:
        """A quick look, which spares a long one for most groups of dates, times and amounts."""
        if first in self.taken:
            return False
        return self.sizes[first] in _FIRST_SIZES or self.begins(first) or self.has_plus(first)

    def has_plus(self, first: int) -> bool:
        """Whether the number names its country: +49, (+49), +(49)."""
        start = self.groups[first][0]
        return self.text[start - 1 : start] == "+" or self.text[start - 2 : start] == "+("

    def stands_free(self, first: int, last: int) -> bool:
        """Neither part of a word or an id, nor of a longer row with the same separators."""
        inner = self.between(last) if last > first else ""
        if not self.begins(first) and self.between(first) in (inner or " ", "-", ".", "/"):
            return False
        if last + 1 < len(self.groups) and self.between(last + 1) in ("-", ".") and inner != " ":
            return False
        return self.free_around(first, last)

    def free_around(self, first: int, last: int) -> bool:
        """Not part of a word or an id."""
        return self._free_before(self.groups[first][0]) and self._free_after(self.groups[last][1])

    def before(self, first: int) -> str:
        start = self.groups[first][0]
        return self.text[max(start - _CONTEXT_CHARACTERS, 0) : start]

    def _free_before(self, start: int) -> bool:
        before = self.text[max(start - 3, 0) : start].rstrip("(+")
        if not before or (before[-1] not in "#./-_" and not before[-1].isalnum()):
            return True
        return before[-1] in "./-" and not before[-2:-1].isalnum()

    def _free_after(self, end: int) -> bool:
        after = self.text[end : end + 2]
        if after[:1].isalnum() or after[:1] == "_":
            return _EXTENSION.match(self.text, end) is not None
        return not (after[:1] in ("-", ".") and after[1:].isalpha())


def find_numbers(text: str, found: Found, *, regions: tuple[str, ...]) -> None:
    """Add what the rows of digits in `text` are, beside what has been found already."""
    for match in _ROW.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *match.span())]
        row = _Row(text, groups, regions, tuple([end - start for start, end in groups]))
        if found.findings:
            row.taken.update(place for place, span in enumerate(groups) if not found.free(*span))
        for kind, find, sizes in _FINDERS:
            if sizes.isdisjoint(row.sizes):
                continue
            for first in range(len(groups)):
                if row.may_begin(first) and (last := find(row, first)) is not None:
                    _take(row, (first, last), kind, found)


def _take(row: _Row, groups: tuple[int, int], kind: Kind, found: Found) -> None:
    start, end = row.groups[groups[0]][0], row.groups[groups[1]][1]
    if kind is Kind.PHONE:
        start, end = _with_signs(row.text, start, end)
    if found.take(start, end, kind):
        row.taken.update(range(groups[0], groups[1] + 1))


def _card(row: _Row, first: int) -> int | None:
    """The last group of a card number; a few digits behind it may be its expiry date or code."""
    if 13 <= row.sizes[first] <= 19:
        shapes: tuple[tuple[int, ...], ...] = ((row.sizes[first],),)
    elif row.sizes[first] == 4 and len(row.sizes) > first + 2:
        shapes = _CARD_GROUPS
    else:
        return None
    for shape in shapes:
        last = first + len(shape) - 1
        if (
            row.sizes[first : last + 1] != shape
            or not row.free_around(first, last)
            or not _may_begin_a_card(row, first)
        ):
            continue
        if is_card(row.digits(first, last)) and _may_end_a_card(row, last + 1):
            return last
    return None


def _may_begin_a_card(row: _Row, first: int) -> bool:
    """Not in the middle of a long number that is written in fours, such as a parcel's."""
    if row.begins(first) or row.sizes[first - 1] != 4:
        return row.begins(first) or row.between(first) not in ("-", ".", "/")
    return first > 1 and (row.sizes[first - 2] != 4 or row.between(first - 1) != row.between(first))


def _may_end_a_card(row: _Row, place: int) -> bool:
    """Whether what follows is little, or one more card."""
    separator, behind, at = row.between(place) if place < len(row.groups) else "", 0, place
    while at < len(row.groups) and behind <= _CARD_DIGITS_BEHIND_MAX and row.between(at) == separator:
        behind += row.sizes[at]
        at += 1
    if behind <= _CARD_DIGITS_BEHIND_MAX:
        return True
    return row.sizes[place : place + 4] == (4, 4, 4, 4) and is_card(row.digits(place, place + 3))


def _ssn(row: _Row, first: int) -> int | None:
    sizes = row.sizes[first : first + 3]
    if sizes == (3, 2, 4) and row.between(first + 1) == row.between(first + 2):
        last = first + 2
    elif sizes[0] == 9:
        last = first
    else:
        return None
    digits = row.digits(first, last)
    if not is_ssn(digits[:3], digits[3:5], digits[5:]) or not row.stands_free(first, last):
        return None
    surely = last > first and row.between(last) in ("-", "\u2011")
    return last if surely or _SSN_WORD.search(row.before(first)) else None


def _phone(row: _Row, first: int) -> int | None:
    start = row.groups[first][0]
    if row.has_plus(first):
        return None if row.text[start - 2 : start - 1].isalnum() else _longest_valid(row, first, _Prefix.PLUS)
    if _DATE.match(row.text, start):
        return None
    if (last := _us_phone(row, first)) is not None:
        return last
    if not row.begins(first) or not row.free_around(first, first):
        return None
    zeros, several = row.text.startswith("00", start), len(row.groups) > first + 1
    if zeros and several:
        return _longest_valid(row, first, _Prefix.ZEROS)
    if (several and _may_be_national(row, first)) or _is_called_phone(row.before(first)):
        return _longest_valid(row, first, _Prefix.ZEROS if zeros else _Prefix.NONE)
    return None


def _may_be_national(row: _Row, first: int) -> bool:
    """As it is written at home. With dashes and no leading zero it would be any part number or span of years."""
    leading = row.text[row.groups[first][0]]
    return row.regions != DEFAULT_REGIONS and (leading == "0" or row.stands_free(first, first))


def _us_phone(row: _Row, first: int) -> int | None:
    """Grouped as people in North America do: 415-555-2671, 1 (415) 555-2671."""
    country = row.sizes[first] == 1 and row.text[row.groups[first][0]] == "1"
    area = first + 1 if country else first
    last = area + 2 if row.sizes[area : area + 3] == (3, 3, 4) else area + 1
    bracketed = row.sizes[area : area + 2] == (3, 7) and row.between(area + 1)[:1] == ")"
    if (last == area + 1 and not bracketed) or "US" not in row.regions or not row.stands_free(first, last):
        return None
    return last if is_us_phone(row.digits(area, last)) else None


class _Prefix(Enum):
    """How a number says that its country comes first."""

    PLUS = "+"
    ZEROS = "00"
    NONE = ""


def _is_called_phone(before: str) -> bool:
    words = list(_PHONE_WORD.finditer(before))
    return bool(words) and _ID_WORD.search(before, words[-1].end()) is None


def _longest_valid(row: _Row, first: int, prefix: _Prefix) -> int | None:
    """The last group of the longest valid number that begins at a group."""
    tries = 0
    for last in range(min(len(row.groups), first + _PHONE_GROUPS_MAX) - 1, first - 1, -1):
        digits = sum(row.sizes[first : last + 1])
        if digits > _PHONE_DIGITS_MAX + 2 or not row.taken.isdisjoint(range(first, last + 1)):
            continue
        if digits < _PHONE_DIGITS_MIN or tries == _TRIES_MAX:
            return None
        if not row.stands_free(first, last) and prefix is not _Prefix.PLUS:
            continue
        tries += 1
        written = row.text[row.groups[first][0] : row.groups[last][1]]
        if is_phone(written if prefix is _Prefix.NONE else "+" + written.removeprefix(prefix.value), row.regions):
            return last
    return None


def is_phone(number: str, regions: tuple[str, ...]) -> bool:
    """Valid by the number plan of its country, or of one of the regions if it names none."""
    for region in ("ZZ",) if number.startswith("+") else regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def is_us_phone(digits: str) -> bool:
    """Ten digits, or eleven with the leading 1, that the number plan of North America knows."""
    number = digits[-10:]
    if number[0] in "01" or number[3] in "01":
        return False
    return bool(phonenumbers.is_valid_number(phonenumbers.PhoneNumber(country_code=1, national_number=int(number))))


def _with_signs(text: str, start: int, end: int) -> tuple[int, int]:
    """The number with its plus sign, its first bracket and its extension."""
    if text[start - 1 : start] == "+" or (text[start - 1 : start] == "(" and ")" in text[start:end]):
        start -= 1
    extension = _EXTENSION.match(text, end)
    return start, extension.end() if extension else end


_FINDERS = (
    (Kind.CARD, _card, frozenset({4, *range(13, 20)})),
    (Kind.SSN, _ssn, frozenset({3, 9})),
    (Kind.PHONE, _phone, frozenset(range(1, 16))),
)
"""The most certain kind first, with the sizes of groups of which it has one at least."""
