"""What has a stranger's schema against a value, in bounded time?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

import jsonschema_rs
from pydantic import JsonValue

from tool_runner.domain.schema_references import SchemaTooCostly
from tool_runner.domain.schema_work import VALUE_DEPTH_MAX, size_of, work_per_value

WORK_MAX = 500_000
"""Some 1 us each on a busy core, measured with many schemas made to be slow."""
EXPLAINED_WORK_MAX = 5_000
"""To say all that is wrong takes up to 100 us each: every alternative is told with its own reasons, and copied."""
PATTERNS_MAX = 50
PATTERN_BYTES_MAX = 2_000_000
"""Of a compiled one, which takes up to 50 ms: "^\\p{L}{0,99}$" is that large, (a{1000}){100} is larger."""
_BACKTRACKING = jsonschema_rs.FancyRegexOptions(backtrack_limit=2_000, size_limit=PATTERN_BYTES_MAX)
_LINEAR = jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES_MAX)


class SchemaUnusable(Exception):
    """The tool is not offered; the text says why."""


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
    """A compiled schema; `work` is what it may cost to compare one value."""

    work: int
    _validator: _Validator = field(repr=False)

    def iter_errors(self, instance: JsonValue) -> Iterator[Problem]:
        """What does not fit, without values. A value that would take too long counts as one that does not fit."""
        size = size_of(instance)
        if size is None:
            yield WholeProblem(f"nested more than {VALUE_DEPTH_MAX} deep")
        elif size * self.work > WORK_MAX:
            most = WORK_MAX // self.work
            yield WholeProblem(f"too large to be checked: {size} values, at most {most} with this schema; send less")
        elif not self._validator.is_valid(instance):
            if size * self.work > EXPLAINED_WORK_MAX:
                yield WholeProblem("does not fit the schema; too large to say where")
            else:
                yield from self._validator.iter_errors(instance)


def bounded_schema(schema: Mapping[str, JsonValue]) -> BoundedSchema:
    """Raises SchemaUnusable."""
    document = dict(schema)
    if (patterns := _patterns_in(document)) > PATTERNS_MAX:
        raise SchemaUnusable(f"it has {patterns} patterns, over the limit of {PATTERNS_MAX}")
    try:
        # Offline: a server's schema must not make the runner read files or fetch addresses ($ref).
        validator = jsonschema_rs.validator_for(document, mask="[value]", offline=True, pattern_options=_BACKTRACKING)
        return BoundedSchema(work_per_value(document, _is_linear), cast(_Validator, validator))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaUnusable(str(error)[:300]) from error
    except SchemaTooCostly as error:
        raise SchemaUnusable(f"comparing may take too long: {error}") from error


def _patterns_in(document: JsonValue) -> int:
    """Each is compiled before anything can be said of it."""
    count, waiting = 0, [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            by_name = one.get("patternProperties")
            count += isinstance(one.get("pattern"), str) + (len(by_name) if isinstance(by_name, dict) else 0)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


def _is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_LINEAR)
    except ValueError:
        return False
    return True
