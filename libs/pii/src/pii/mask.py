"""How are personal values replaced in what leaves the house, and put back into what comes home?"""

import base64
import hmac
import re
from dataclasses import dataclass, field

from pydantic import JsonValue

from pii.detect import detect

_NAME_CHARACTERS = 6
_DEPTH_MAX = 64
# What may be the beginning of a placeholder at the end of a chunk.
_UNFINISHED = re.compile(r"\[(?:[A-Z]{1,8}(?:_[A-Z2-7]{0,51})?)?\Z")
_PLACEHOLDER = re.compile(r"\[[A-Z]{2,8}_[A-Z2-7]{6,52}\]")


class MaskingFailed(Exception):
    """The text could not be searched, so that it must not be sent. The reason never quotes it."""


@dataclass(slots=True)
class Masker:
    """Masks one request. The same value in the same partition always has the same placeholder (`[EMAIL_K7Q2XA]`, made
    of a keyed hash), in another partition another; so nothing has to be stored, and a provider can neither link
    conversations nor guess a value. Only what this request masked is ever put back."""

    secret: bytes
    partition: str
    counts: dict[str, int] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)
    _placeholders: dict[str, str] = field(default_factory=dict)

    def mask(self, text: str) -> str:
        """The text with placeholders. Raises MaskingFailed."""
        try:
            findings = detect(text)
        except Exception as error:
            raise MaskingFailed(type(error).__name__) from None
        if not findings:
            return text
        parts, at = [], 0
        for finding in findings:
            parts += [text[at : finding.start], self._placeholder(finding.kind, text[finding.start : finding.end])]
            at = finding.end
            self.counts[finding.kind] = self.counts.get(finding.kind, 0) + 1
        return "".join([*parts, text[at:]])

    def mask_json(self, value: JsonValue, *, depth: int = 0) -> JsonValue:
        """Every string within a JSON value; names of fields and numbers stay. Raises MaskingFailed."""
        if isinstance(value, str):
            return self.mask(value)
        if depth >= _DEPTH_MAX and isinstance(value, list | dict):
            raise MaskingFailed(f"nested deeper than {_DEPTH_MAX}")
        if isinstance(value, list):
            return [self.mask_json(one, depth=depth + 1) for one in value]
        if isinstance(value, dict):
            return {name: self.mask_json(one, depth=depth + 1) for name, one in value.items()}
        return value

    def restore(self, text: str) -> str:
        """The text with values where this request's placeholders stand; other text in brackets stays as it is."""
        if not self._values or "[" not in text:
            return text
        return _PLACEHOLDER.sub(lambda found: self._values.get(found[0], found[0]), text)

    def restore_json(self, value: JsonValue) -> JsonValue:
        """Every string within a JSON value."""
        if isinstance(value, str):
            return self.restore(value)
        if isinstance(value, list):
            return [self.restore_json(one) for one in value]
        if isinstance(value, dict):
            return {name: self.restore_json(one) for name, one in value.items()}
        return value

    def stream_restorer(self) -> "StreamRestorer":
        """For one text that arrives in chunks."""
        return StreamRestorer(self)

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._placeholders.get(value)
        if known is not None:
            return known
        message = "\x00".join((self.partition, kind, value)).encode("utf-8", "surrogatepass")
        name = base64.b32encode(hmac.digest(self.secret, message, "sha256")).decode().rstrip("=")
        length = _NAME_CHARACTERS
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
