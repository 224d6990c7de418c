"""What has a stranger's schema against a value, in bounded time?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

import jsonschema_rs
from pydantic import JsonValue

from json_schema.references import SchemaTooCostly
from json_schema.schema_work import VALUE_DEPTH_MAX, size_of, work_per_value

WORK_MAX = 500_000
"""Some 1 us each on a busy core, measured with many schemas made to be slow."""
EXPLAINED_WORK_MAX = 5_000
"""To say all that is wrong takes up to 100 us each: every alternative is told with its own reasons, and copied."""
BACKTRACKS_MAX = 2_000
DOCUMENT_VALUES_MAX = 50_000
"""Of the schema itself, before anything else is done with it: some 100 ms to be compiled."""
PATTERNS_MAX, PATTERN_CHARACTERS_MAX = 500, 100_000
"""Of all patterns together: one of megabytes took seconds to be found too large."""
PATTERN_BYTES_MAX = 10_000_000
"""Of all patterns of a schema together, compiled: some 100 ms."""
_PATTERN_BYTES = (10_000, 100_000, 1_000_000, PATTERN_BYTES_MAX)
"""Tried in this order, as nobody says how large a pattern became; what is too large is found early."""
_LINEAR = jsonschema_rs.RegexOptions()
_WHAT_TO_DO = "make it smaller, with fewer alternatives and references"


class SchemaUnusable(Exception):
    """The schema is not used; the text says why."""


class Problem(Protocol):
    """What does not fit, and where."""

    @property
    def message(self) -> str: ...

    @property
    def instance_path(self) -> list[str | int]: ...


class _Validator(Protocol):
    def is_valid(self, instance: object) -> bool: ...
    def iter_errors(self, instance: object) -> Iterator[Problem]: ...


@dataclass(frozen=True, slots=True)
class WholeProblem:
    """A problem of the whole value."""

    message: str
    instance_path: list[str | int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BoundedSchema:
    """A compiled schema; `work` is what it may cost to compare one value, `pattern_bytes` what its patterns may hold of
    memory."""

    work: int
    pattern_bytes: int
    _validator: _Validator = field(repr=False)

    def iter_errors(self, instance: JsonValue) -> Iterator[Problem]:
        """What does not fit. A value that would take too long counts as one that does not fit."""
        size = size_of(instance)
        if size is None:
            yield WholeProblem(f"nested more than {VALUE_DEPTH_MAX} deep")
        elif size * self.work > WORK_MAX:
            most = WORK_MAX // self.work
            yield WholeProblem(f"too large to be checked: {size} values, at most {most} with this schema; send less")
        else:
            try:
                yield from self._compared(instance, size)
            except UnicodeEncodeError:  # JSON can write half a surrogate pair, Python can keep it, nobody can send it.
                yield WholeProblem("has half of a surrogate pair in a text; send whole characters")

    def _compared(self, instance: JsonValue, size: int) -> Iterator[Problem]:
        if self._validator.is_valid(instance):
            return
        if size * self.work > EXPLAINED_WORK_MAX:
            yield WholeProblem("does not fit the schema; too large to say where")
        else:
            yield from self._validator.iter_errors(instance)


def bounded_schema(schema: Mapping[str, JsonValue], *, mask: str | None = "[value]") -> BoundedSchema:
    """`mask` stands for values in what is said of them; with None they are told. Raises SchemaUnusable."""
    document = dict(schema)
    patterns = _patterns_of(document)
    _check_length(patterns)
    try:
        validator, pattern_bytes = _compiled(document, len(patterns), mask)
        return BoundedSchema(work_per_value(document, _is_linear), pattern_bytes, validator)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        each = PATTERN_BYTES_MAX // max(1, len(patterns))
        of_patterns = f" (compiled, each pattern may have {each} bytes)" if _is_of_pattern(error) else ""
        raise SchemaUnusable(f"{str(error)[:300]}{of_patterns}") from error
    except SchemaTooCostly as error:
        raise SchemaUnusable(f"comparing may take too long: {error}; {_WHAT_TO_DO}") from error


def _compiled(document: dict[str, JsonValue], patterns: int, mask: str | None) -> tuple[_Validator, int]:
    """The validator, and how many bytes its patterns may have. Raises ValueError, ReferencingError."""
    for bytes_max in _PATTERN_BYTES:
        size = bytes_max // max(1, patterns)
        options = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS_MAX, size_limit=size)
        try:
            # Offline: a stranger's schema must not make us read files or fetch addresses ($ref).
            validator = jsonschema_rs.validator_for(document, mask=mask, offline=True, pattern_options=options)
            return cast(_Validator, validator), bytes_max if patterns else 0
        except ValueError as error:
            if bytes_max == PATTERN_BYTES_MAX or not _is_of_pattern(error):
                raise
    raise AssertionError("the last size either does or raises")


def _is_of_pattern(error: Exception) -> bool:
    return '"regex"' in str(error)


def _patterns_of(document: Mapping[str, JsonValue]) -> set[str]:
    """Whatever may be one; equal ones are compiled once. Raises SchemaUnusable for too large a document."""
    found, waiting, count = set[str](), list[JsonValue]([dict(document)]), 0
    while waiting:
        one = waiting.pop()
        count += 1
        if count + len(waiting) > DOCUMENT_VALUES_MAX:
            raise SchemaUnusable(f"it has more than {DOCUMENT_VALUES_MAX} values; {_WHAT_TO_DO}")
        if isinstance(one, dict):
            if isinstance(pattern := one.get("pattern"), str):
                found.add(pattern)
            if isinstance(by_pattern := one.get("patternProperties"), dict):
                found.update(by_pattern)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _check_length(patterns: set[str]) -> None:
    if len(patterns) > PATTERNS_MAX:
        raise SchemaUnusable(f"it has {len(patterns)} patterns, at most {PATTERNS_MAX}; use fewer")
    long, most = sum(map(len, patterns)), PATTERN_CHARACTERS_MAX
    if long > most:
        raise SchemaUnusable(f"its patterns have {long} characters, at most {most}; shorten them")


def _is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_LINEAR)
    except ValueError:
        return False
    return True
