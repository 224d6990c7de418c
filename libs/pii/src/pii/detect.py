"""Which parts of a text are personal data?

Patterns find candidates, a check of each kind decides: check digits, number plans, context. Names are found only by a
model that is passed in, away from the hot path.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import phonenumbers

from pii.checks import iban_in, is_card, is_ip, is_ssn

TEXT_CHARACTERS_MAX = 4_000_000
_MEMO_MAX = 8_192
_CONTEXT_CHARACTERS = 32


class Kind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    SSN = "ssn"
    IBAN = "iban"
    IP = "ip"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text[start:end]` is of this kind."""

    start: int
    end: int
    kind: Kind


class NameDetector(Protocol):
    """A model that finds names of persons; slow, so it is not used on the way of a call."""

    def __call__(self, text: str) -> list[tuple[int, int]]: ...


class TextTooLong(ValueError):
    """The text is longer than is ever looked at."""


_EMAIL = re.compile(r"[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w@-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\w#.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
_SSN = re.compile(r"(?<![\w#.-])(\d{3})([- ])(\d{2})\2(\d{4})(?![\w-]|\.\d)")
_SSN_BARE = re.compile(r"(?<![\w#.-])(\d{3})(\d{2})(\d{4})(?![\w-]|\.\d)")
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_PHONE = re.compile(r"(?<![\w#./-])(?:\+|00)?\(?\d(?:[ ().\u00a0\u2011/-]{0,2}\d){6,16}(?![\w-]|\.\d)")
_SEPARATED = re.compile(r"\d[ ().\u00a0\u2011/-]+\d")
_DATE = re.compile(r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4})\b")
_PHONE_WORD = re.compile(
    r"\b(?:phones?|tel|telephone|mobile|cell|call|text|sms|whatsapp|fax|reach|ring|handy|telefon\w*|t[ée]l[ée]phone"
    r"|portable|celular|m[óo]vil)\b",
    re.I,
)
_SSN_WORD = re.compile(r"\b(?:ssn|social security)\b", re.I)
_VERSION_WORD = re.compile(r"(?:\bv|version|release|build|firmware|macos|ios|android|driver|upgraded? to)[ :]*\Z", re.I)
_DIGITS = re.compile(r"\D")
_REGION = "US"


def detect(text: str, *, names: NameDetector | None = None) -> tuple[Finding, ...]:
    """All findings in order, without overlaps; of two that overlap the more certain kind wins. Raises TextTooLong."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TextTooLong(f"{len(text)} characters are over the limit of {TEXT_CHARACTERS_MAX}")
    if names is not None:
        found = [Finding(start, end, Kind.NAME) for start, end in names(text)]
        return _without_overlaps([*_detect(text), *found])
    return _remembered(text)


_memo: dict[bytes, tuple[Finding, ...]] = {}


def _remembered(text: str) -> tuple[Finding, ...]:
    """Agent loops send the same messages again and again. Only the hash of a text and the places are kept."""
    if not _may_hold_any(text):
        return ()
    key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    found = _memo.get(key)
    if found is None:
        found = _memo[key] = _detect(text)
        if len(_memo) > _MEMO_MAX:
            _memo.pop(next(iter(_memo)))
    return found


_ANY = re.compile(r"@|\d{3}|\d[ ().-]\d|::")


def _may_hold_any(text: str) -> bool:
    return _ANY.search(text) is not None


def _detect(text: str) -> tuple[Finding, ...]:
    """Most certain kinds first."""
    finders: list[Callable[[str], Iterator[Finding]]] = []
    if "@" in text:
        finders.append(_emails)
    if any(character.isdigit() for character in text):
        finders += [_ibans, _cards, _ssns, _ips, _phones]
    elif "::" in text:
        finders.append(_ips)
    return _without_overlaps([finding for find in finders for finding in find(text)])


def _without_overlaps(findings: list[Finding]) -> tuple[Finding, ...]:
    kept: list[Finding] = []
    for finding in findings:
        if all(finding.end <= other.start or finding.start >= other.end for other in kept):
            kept.append(finding)
    return tuple(sorted(kept, key=lambda finding: finding.start))


def _emails(text: str) -> Iterator[Finding]:
    for found in _EMAIL.finditer(text):
        start = found.start() + (len(found[0]) - len(found[0].lstrip(".'-%+")))
        if text[start] != "@":
            yield Finding(start, found.end(), Kind.EMAIL)


def _ibans(text: str) -> Iterator[Finding]:
    at = 0
    while (found := _IBAN.search(text, at)) is not None:
        at = found.end()
        length = iban_in(found[0].replace(" ", ""))
        if length:
            end = found.start()
            for _ in range(length):
                end += 1 + (text[end] == " ")
            yield Finding(found.start(), end, Kind.IBAN)
            at = end  # The pattern may have run on into the next one.


def _cards(text: str) -> Iterator[Finding]:
    for found in _CARD.finditer(text):
        if is_card(_DIGITS.sub("", found[0])):
            yield Finding(found.start(), found.end(), Kind.CARD)


def _ssns(text: str) -> Iterator[Finding]:
    for found in _SSN.finditer(text):
        if is_ssn(found[1], found[3], found[4]):
            yield Finding(found.start(), found.end(), Kind.SSN)
    for found in _SSN_BARE.finditer(text):
        if is_ssn(found[1], found[2], found[3]) and _SSN_WORD.search(_before(text, found.start())):
            yield Finding(found.start(), found.end(), Kind.SSN)


def _ips(text: str) -> Iterator[Finding]:
    for found in _IPV4.finditer(text):
        if is_ip(found[0]) and not _VERSION_WORD.search(_before(text, found.start())):
            yield Finding(found.start(), found.end(), Kind.IP)
    if ":" in text:
        for found in _IPV6.finditer(text):
            if len(found[0]) > 3 and is_ip(found[0]):
                yield Finding(found.start(), found.end(), Kind.IP)


def _phones(text: str) -> Iterator[Finding]:
    """A bare row of digits is a telephone number only where the words before it say so: order and item numbers look
    the same."""
    for found in _PHONE.finditer(text):
        number = found[0]
        plain = not number.startswith(("+", "00")) and not _SEPARATED.search(number)
        if plain and not _PHONE_WORD.search(_before(text, found.start())):
            continue
        if _DATE.match(number):
            continue
        if _is_phone(number):
            yield Finding(found.start(), found.end(), Kind.PHONE)


def _is_phone(number: str) -> bool:
    try:
        parsed = phonenumbers.parse("+" + number[2:] if number.startswith("00") else number, _REGION)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(parsed))


def _before(text: str, start: int) -> str:
    return text[max(start - _CONTEXT_CHARACTERS, 0) : start]
