"""Which signs of instructions to a model does the result of a tool show?

A sign is for policy (ask a person first, tell the model, count), never a wall: whoever knows these patterns writes
around them. What holds is that results are data and that writes are granted. Figures: docs/untrusted-output.md.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from enum import StrEnum

from pydantic import JsonValue

from tool_runner.domain.meant_text import decoded_tags, meant
from tool_runner.domain.sign_patterns import PHRASES

CHARACTERS_MAX = 200_000
"""Looked at in well under a second, also when written to be slow. More is a sign of its own."""
_BLOB_SEARCHES_MAX = 50
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){20,}\Z")
_HIDDEN = re.compile(
    "[\u202d\u202e]|[\u200b-\u200d\u2060-\u2064\ufeff]{3}|[\U000e0100-\U000e01ef]{4}"
    "|(?:[a-z][\u200b\u200c\u2060\ufeff]{1,9}[a-z]+){3}|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]",
    re.I,
)
_HIDING_STYLE = re.compile(
    r"display\s?:\s?none|visibility\s?:\s?hidden|font-size\s?:\s?[01](?:px|pt)?[;\"' ]|opacity\s?:\s?0[;\"' ]"
    r"|(?<!-)color\s?:\s?(?:white|#fff(?:fff)?)\b",
    re.I,
)
_STYLE_CHARACTERS_MAX = 300


class Sign(StrEnum):
    """The closed set; what each means is in docs/untrusted-output.md."""

    OVERRIDE = "override"
    ADDRESSED_TO_MODEL = "addressed_to_model"
    ROLE_MARKER = "role_marker"
    TOOL_CALL_SYNTAX = "tool_call_syntax"
    SECRECY = "secrecy"
    EXFILTRATION = "exfiltration"
    HIDDEN_TEXT = "hidden_text"
    ENCODED_TEXT = "encoded_text"
    NOT_SEARCHED = "not_searched"


def screen_result(result: JsonValue) -> tuple[str, ...]:
    """The signs in all texts and names of fields of a result together, in order of their names."""
    gathered, characters = list[str](), 0
    for text in texts_of(result):
        gathered.append(text)
        characters += len(text) + 1
        if characters > CHARACTERS_MAX + 1:  # So that what is left out counts as too much.
            break
    return screen("\n".join(gathered))


def screen(text: str) -> tuple[str, ...]:
    """The signs in one text, in order of their names."""
    signs = {Sign.NOT_SEARCHED} if len(text) > CHARACTERS_MAX else set[Sign]()
    text = text[:CHARACTERS_MAX]
    signs |= _phrases(text)
    if not text.isascii() and _HIDDEN.search(text):
        signs.add(Sign.HIDDEN_TEXT)
        signs |= _phrases(decoded_tags(text))
    if _has_hiding_style(text):
        signs.add(Sign.HIDDEN_TEXT)
    if any(_is_prose(decoded) for decoded in _decoded(text)):
        signs.add(Sign.ENCODED_TEXT)
    return tuple(sorted(sign.value for sign in signs))


def texts_of(result: JsonValue) -> Iterator[str]:
    """Every text and name of a field, in the order in which a reader meets them; numbers say nothing."""
    waiting: list[JsonValue] = [result]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            for name, value in reversed(one.items()):
                waiting += [value, name]
        elif isinstance(one, list):
            waiting += reversed(one)


def _phrases(text: str) -> set[Sign]:
    if not text:
        return set()
    lowered = meant(text)
    return {
        Sign(name)
        for name, patterns in PHRASES.items()
        if any(any(word in lowered for word in words) and pattern.search(lowered) for words, pattern in patterns)
    }


def _has_hiding_style(text: str) -> bool:
    """In the style of an HTML element; style sheets and texts about them are no sign."""
    for found in _HIDING_STYLE.finditer(text):
        begun = text.rfind("style=", max(found.start() - _STYLE_CHARACTERS_MAX, 0), found.start())
        if begun >= 0 and ">" not in text[begun : found.start()]:
            return True
    return False


def _decoded(text: str) -> Iterator[str]:
    """What base64 and hexadecimal digits stand for, where that is text."""
    for number, found in enumerate(_BLOB.finditer(text)):
        if number >= _BLOB_SEARCHES_MAX:
            return
        blob = found[0].rstrip("=")[:4_096]
        try:
            if _HEX.match(blob):
                yield bytes.fromhex(blob).decode("utf-8")
            else:
                whole = blob[: len(blob) - len(blob) % 4]
                yield base64.b64decode(whole.replace("-", "+").replace("_", "/"), validate=True).decode("utf-8")
        except (UnicodeDecodeError, binascii.Error, ValueError):
            continue


def _is_prose(text: str) -> bool:
    """Words with spaces between, as instructions have, and no JSON, address or key."""
    letters = sum(character.isalpha() or character in " ,.'\n" for character in text)
    return text.count(" ") >= 3 and letters >= 0.9 * len(text)
