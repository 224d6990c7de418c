"""What did a box report? Its bytes are the word of code that nobody trusts, whoever seems to have written them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

import orjson
from pydantic import JsonValue

from tool_runner.adapters.sandbox.boot import ERROR_CHARACTERS_MAX
from tool_runner.domain.sandbox import SandboxLimits
from tool_runner.domain.size_limits import RESULT_DEPTH_MAX, RESULT_VALUES_MAX

LINE_BYTES_MAX = 1024 * 1024
"""Of a result with all that belongs to it."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
_HOLDERS = (dict, list)
"""Not `dict | list`, which would be made anew for each value."""
_LONG, _DIGITS = b"0" * 19, bytes.maketrans(b"123456789", b"000000000")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be believed of it."""

    result: JsonValue = None
    error: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


class BadReport(ValueError):
    """It is not what the boot script writes, or over a limit; the text says which."""


def report_bytes_max(limits: SandboxLimits) -> int:
    """How much of it is read at all; the first byte says that the interpreter is up."""
    return 1 + LINE_BYTES_MAX + limits.files_bytes_max


def read_report(report: bytes, limits: SandboxLimits) -> Outcome:
    """An empty report is an empty outcome: the code ended before it could report. Raises BadReport."""
    line, _, rest = report.partition(b"\n")
    if not line:
        return Outcome()
    if len(line) > LINE_BYTES_MAX:
        raise BadReport(f"the result is over the limit of {LINE_BYTES_MAX} bytes")
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadReport(f"the result is no JSON: {error}") from error
    if not isinstance(said, dict) or not isinstance(problem := said.get("error", ""), str):
        raise BadReport("the report of the sandbox has another form than its own")
    _check_size(result := said.get("result"))
    _check_integers(line)
    return Outcome(result, problem[:ERROR_CHARACTERS_MAX], _files(said.get("files"), rest, limits))


def _check_size(result: JsonValue) -> None:
    """Counts before it looks, a level at a time, and only at what holds something: this is done in the event loop, and
    value by value it took a tenth of a second."""
    values, depth, holders = 1, 1, _that_hold([result])
    while holders:
        values, depth = values + sum(map(len, holders)), depth + 1
        if depth > RESULT_DEPTH_MAX or values > RESULT_VALUES_MAX:
            raise BadReport(
                f"the result is nested more than {RESULT_DEPTH_MAX} deep, or has more than {RESULT_VALUES_MAX} values"
            )
        held = (holder.values() if isinstance(holder, dict) else holder for holder in holders)
        holders = _that_hold(chain.from_iterable(held))


def _that_hold(values: Iterable[JsonValue]) -> list[dict[str, JsonValue] | list[JsonValue]]:
    return [value for value in values if value and isinstance(value, _HOLDERS)]


def _check_integers(line: bytes) -> None:
    """orjson reads an integer that needs more than 64 bits as a float, and says nothing: a factorial would be wrong."""
    if _LONG not in line.translate(_DIGITS):
        return
    try:
        json.loads(line, parse_int=_of_64_bits)
    except RecursionError:
        raise BadReport("the report of the sandbox has another form than its own") from None


def _of_64_bits(digits: str) -> None:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise BadReport("the result has an integer over 64 bits, which would be rounded: give it as a text")


def _files(listed: object, rest: bytes, limits: SandboxLimits) -> dict[str, bytes]:
    if not isinstance(listed, list) or len(listed) > limits.files_max or len(rest) > limits.files_bytes_max:
        raise BadReport(f"more than {limits.files_max} files, or more than {limits.files_bytes_max} bytes of them")
    files: dict[str, bytes] = {}
    for entry in listed:
        match entry:
            case [str(name), int(size)] if _NAME.fullmatch(name) and 0 <= size <= len(rest) and name not in files:
                files[name], rest = rest[:size], rest[size:]
            case _:
                raise BadReport("a file in out/ has a name of other characters than A-Za-z0-9_. -, or is cut")
    return files
