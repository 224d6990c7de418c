"""How are personal values replaced in what leaves the house, and put back into what comes home?"""

import base64
import hmac
import re
from dataclasses import dataclass, field

from pydantic import JsonValue

from pii.detect import TextTooLong, detect
from pii.find_numbers import DEFAULT_REGIONS
from pii.findings import Finding, Found, Kind, NameDetector
from pii.placeholders import PLACEHOLDER, put_back, put_back_in_text

_NAME_CHARACTERS = 6
DEPTH_MAX = 64
# What may be the beginning of a placeholder at the end of a chunk.
_UNFINISHED = re.compile(r"\[(?:[A-Z]{1,8}(?:_[A-Z2-7]{0,51})?)?\Z")
_STRANGE = "mark"
_DIGITS_MIN = 9
_NUMBER_MAX = 10**20
_REPEATED = (Kind.PHONE, Kind.SSN, Kind.IP)
"""Kinds that are found by what stands around them, too: the same value may stand elsewhere without."""
_REPEATED_MAX = 200


class MaskingFailed(Exception):
    """The text could not be searched, so that it must not be sent. The reason never quotes it."""


@dataclass(slots=True)
class Masker:
    """Masks one request. The same value in the same partition always has the same placeholder (`[EMAIL_K7Q2XA]`, made
    of a keyed hash), in another partition another; so nothing has to be stored, and a provider can neither link
    conversations nor guess a value. Only what this request masked is ever put back."""

    secret: bytes
    partition: str
    regions: tuple[str, ...] = DEFAULT_REGIONS
    names: NameDetector | None = None
    characters: int = _NAME_CHARACTERS
    """Of a placeholder's name. Six do for one request; what is kept longer needs more, or two values may share one."""
    counts: dict[str, int] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)
    _placeholders: dict[str, str] = field(default_factory=dict)
    _repeated: dict[str, Kind] = field(default_factory=dict)

    def mask(self, text: str, *, label: str = "") -> str:
        """The text with placeholders; `label` is the name of the field that it stands in. Raises MaskingFailed."""
        try:
            places = self._places(text, label)
        except TextTooLong as error:
            raise MaskingFailed(f"{error} a text; send it in parts") from None
        except Exception as error:
            raise MaskingFailed(type(error).__name__) from None
        if not places:
            return text
        parts, at = [], 0
        for start, end, kind in places:
            parts += [text[at:start], self._placeholder(kind, text[start:end])]
            at = end
            self.counts[kind] = self.counts.get(kind, 0) + 1
        return "".join([*parts, text[at:]])

    def mask_json(self, value: JsonValue, *, label: str = "", depth: int = 0) -> JsonValue:
        """Every string within a JSON value, names of fields too, and whole numbers that are personal. Raises
        MaskingFailed."""
        if isinstance(value, str):
            return self.mask(value, label=label)
        if depth >= DEPTH_MAX and isinstance(value, list | dict):
            raise MaskingFailed(f"nested deeper than {DEPTH_MAX}")
        if isinstance(value, list):
            return [self.mask_json(one, label=label, depth=depth + 1) for one in value]
        if isinstance(value, dict):
            return {self.mask(name): self.mask_json(one, label=name, depth=depth + 1) for name, one in value.items()}
        return self._masked_number(value, label)

    def mask_whole(self, text: str, kind: str) -> str:
        """A placeholder for all of a text that is known to be personal, whatever it looks like."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return self._placeholder(kind, text)

    def restore(self, text: str) -> str:
        """The text with values where this request's placeholders stand; other text in brackets stays as it is."""
        return put_back_in_text(text, self._values)

    def restore_json(self, value: JsonValue) -> JsonValue:
        """Every string within a JSON value."""
        return put_back(value, self._values)

    def restores(self) -> dict[str, str]:
        """Which value stands behind each placeholder: for whoever keeps them longer than the request lives."""
        return dict(self._values)

    def redact_json(self, masked: JsonValue) -> JsonValue:
        """What this masker has masked, with `[REDACTED_EMAIL]` in place of placeholders: for good."""
        lasting = {
            placeholder: value if kind == _STRANGE.upper() else f"[REDACTED_{kind}]"
            for placeholder, value in self._values.items()
            for kind in [placeholder[1:].split("_", 1)[0]]
        }
        return put_back(masked, lasting)

    def stream_restorer(self) -> "StreamRestorer":
        """For one text that arrives in chunks."""
        return StreamRestorer(self)

    def _places(self, text: str, label: str) -> list[tuple[int, int, str]]:
        """What is to be replaced: findings, repetitions of what was found by its context alone, and what only looks
        like a placeholder: it must not be taken for one of ours when the answer comes."""
        findings = detect(text, label=label, regions=self.regions, names=self.names)
        for one in findings:
            value = text[one.start : one.end]
            if one.kind in _REPEATED and len(self._repeated) < _REPEATED_MAX:
                self._repeated.setdefault(value, one.kind)
        if self._repeated:
            findings = self._with_repetitions(text, findings)
        places = [(one.start, one.end, str(one.kind)) for one in findings]
        if "[" in text and (strange := list(PLACEHOLDER.finditer(text))):
            free = Found(list(findings))
            places += [(*one.span(), _STRANGE) for one in strange if free.free(*one.span())]
            places.sort()
        return places

    def _with_repetitions(self, text: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        found = Found(list(findings))
        for value, kind in self._repeated.items():
            at = text.find(value)
            while at >= 0:
                end = at + len(value)
                if not text[max(at - 1, 0) : at].isalnum() and not text[end : end + 1].isalnum():
                    found.take(at, end, kind)
                at = text.find(value, end)
        return tuple(found.findings)

    def _masked_number(self, value: JsonValue, label: str) -> JsonValue:
        if not isinstance(value, int | float) or not 10 ** (_DIGITS_MIN - 1) <= abs(value) < _NUMBER_MAX or value % 1:
            return value
        text = str(int(value))
        masked = self.mask(text, label=label)
        return value if masked == text else masked

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._placeholders.get(value)
        if known is not None:
            return known
        message = "\x00".join((self.partition, kind, value)).encode("utf-8", "surrogatepass")
        name = base64.b32encode(hmac.digest(self.secret, message, "sha256")).decode().rstrip("=")
        length = self.characters
        while (placeholder := f"[{kind.upper()}_{name[:length]}]") in self._values:
            length += 1  # Another value has the same beginning.
        self._placeholders[value], self._values[placeholder] = placeholder, value
        return placeholder


@dataclass(slots=True)
class StreamRestorer:
    """Puts values back into a text whose chunks may cut placeholders in two."""

    masker: Masker
    _kept: str = ""

    def feed(self, chunk: str) -> str:
        """What can be said now."""
        if not self.masker.counts:
            return chunk
        text = self._kept + chunk
        unfinished = _UNFINISHED.search(text)
        at = unfinished.start() if unfinished else len(text)
        self._kept = text[at:]
        return self.masker.restore(text[:at])

    def end(self) -> str:
        """What was held back."""
        kept, self._kept = self._kept, ""
        return kept
