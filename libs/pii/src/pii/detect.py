"""Which parts of a text are personal data?

Patterns find candidates, a check of each kind decides: check digits, number plans, context. Names are found only by a
model that is passed in, away from the hot path.
"""

import hashlib
import re

from pii.find_addresses import find_emails, find_ibans, find_ips
from pii.find_numbers import DEFAULT_REGIONS, find_numbers
from pii.findings import Finding, Found, Kind, NameDetector
from pii.plain import is_plain, plain

TEXT_CHARACTERS_MAX = 1_000_000
"""Looked at in up to 3 s, at worst; what is longer is refused."""
_MEMO_MAX = 8_192
_ANY = re.compile(r"@|\d{3}|\d[ ().\-\u00a0\u2011]{1,2}\d|::")
_TELLING_LABEL = re.compile(r"phone|mobile|cell|tel\b|fax|whatsapp|sms|\bssn|social security", re.I)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


class TextTooLong(ValueError):
    """The text is longer than is ever looked at."""


def detect(
    text: str, *, label: str = "", regions: tuple[str, ...] = DEFAULT_REGIONS, names: NameDetector | None = None
) -> tuple[Finding, ...]:
    """All findings in order, without overlaps; of two that overlap the more certain kind wins. `label` is the name of
    the field that the text stands in; telephone numbers without a country are looked for in `regions`. Raises
    TextTooLong."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TextTooLong(f"{len(text)} characters are over the limit of {TEXT_CHARACTERS_MAX}")
    findings = _remembered(text, label if label and _TELLING_LABEL.search(label) else "", regions)
    return findings if names is None else _with_names(findings, names(text))


_memo: dict[bytes, tuple[Finding, ...]] = {}


def _remembered(text: str, label: str, regions: tuple[str, ...]) -> tuple[Finding, ...]:
    """Agent loops send the same messages again and again. Only the hash of a text and the places are kept."""
    if _ANY.search(text) is None and is_plain(text):
        return ()
    said = f"{regions}\x00{label}\x00{text}" if label or regions is not DEFAULT_REGIONS else text
    key = hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    findings = _memo.get(key)
    if findings is None:
        findings = _memo[key] = _labelled(text, label, regions)
        if len(_memo) > _MEMO_MAX:
            _memo.pop(next(iter(_memo)))
    return findings


def _labelled(text: str, label: str, regions: tuple[str, ...]) -> tuple[Finding, ...]:
    if not label:
        return search(text, regions)
    before = _CAMEL.sub(" ", label) + ": "
    shifted = ((one.start - len(before), one.end - len(before), one.kind) for one in search(before + text, regions))
    return tuple(Finding(start, end, kind) for start, end, kind in shifted if start >= 0)


def search(text: str, regions: tuple[str, ...] = DEFAULT_REGIONS) -> tuple[Finding, ...]:
    """What `detect` says, found anew. Most certain kinds first."""
    meant = plain(text)
    text = meant.text
    if _ANY.search(text) is None:
        return ()
    found = Found()
    if "@" in text:
        find_emails(text, found)
    find_ibans(text, found)
    find_ips(text, found)
    find_numbers(text, found, regions=regions)
    return tuple(map(meant.as_written, found.findings))


def _with_names(findings: tuple[Finding, ...], names: list[tuple[int, int]]) -> tuple[Finding, ...]:
    found = Found(list(findings))
    for start, end in names:
        found.take(start, end, Kind.NAME)
    return tuple(found.findings)
