"""Which of a case's expectations were not met?"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from pydantic import JsonValue

from hil.demo.verdict import Verdict
from hil.eval.observe import Observation, ToolCall
from hil.eval.results import Failure, Kind
from hil.eval.suite import Case, ExpectedCall
from orchestrator.domain.query import compile_query, search


def failures_of(case: Case, seen: Observation) -> Iterator[Failure]:
    """Each expectation by itself, so that all that went wrong is told."""
    if seen.sink is None:
        yield failure("no_outcome", f"no outcome in time {seen.detail}".strip())
    elif seen.sink != case.expected_sink:
        why = f" ({seen.reason}: {seen.detail})" if seen.reason else ""
        yield failure("sink", f"{seen.sink} instead of {case.expected_sink}{why}")
    if case.expected_reason is not None and seen.reason != case.expected_reason:
        yield failure("reason", f"{seen.reason} instead of {case.expected_reason}")
    yield from _calls(case, seen.tool_calls)
    scope = seen.scope()
    for check in case.checks:
        found = search(compile_query(check), scope)
        if found is not True:
            yield failure("check", f"{check} is {str(found)[:100]}")


def not_a_trial(seen: Observation, version: str) -> Iterator[Failure]:
    """An answer out of a cache is no trial of its own, and one of another version no trial of this one: somebody else
    evaluates the same workflow on this system."""
    if seen.cached:
        yield failure("cached", f"{seen.cached} of {seen.completions} completions came out of the cache")
    if others := seen.versions - {version}:
        yield failure("version", f"answered by version {', '.join(sorted(others))}, not {version}")


def failures_of_task(verdict: Verdict) -> Iterator[Failure]:
    """The same of a τ²-bench task."""
    if verdict.sink is None:
        yield failure("no_outcome", verdict.detail or "no outcome")
    elif verdict.sink != verdict.expected_sink:
        yield failure("sink", f"{verdict.sink} instead of {verdict.expected_sink} {verdict.detail}".strip())
    if not verdict.db_equal:
        yield failure("database", "the database differs from what the expected calls leave")
    if not verdict.calls_equal:
        yield failure("tools", "the calls are not the expected ones, each once and in order")
    if not verdict.communicated:
        yield failure("reply", "the customer was not told what was asked")


def failure(kind: Kind, detail: str) -> Failure:
    """With a detail of bounded length."""
    return Failure(kind=kind, detail=detail[:500])


def _calls(case: Case, made: Sequence[ToolCall]) -> Iterator[Failure]:
    """Only calls that ran have an effect."""
    ran = [call for call in made if call.outcome in ("completed", "error")]
    for expected in case.tool_calls:
        times = sum(is_expected(call, expected) for call in ran)
        if times != expected.times:
            what = f"{expected.tool} {expected.arguments or ''}".strip()
            yield failure("tools", f"{what} was called {times} times, not {expected.times}")
    others = [call.tool for call in ran if not any(is_expected(call, expected) for expected in case.tool_calls)]
    if others and case.other_tool_calls == "forbidden":
        yield failure("tools", f"called besides: {', '.join(others)}")


def is_expected(call: ToolCall, expected: ExpectedCall) -> bool:
    """Of this tool, with these arguments and perhaps others."""
    made = call.arguments
    return fnmatchcase(call.tool, expected.tool) and all(
        name in made and _is_same(made[name], value) for name, value in expected.arguments.items()
    )


def _is_same(one: JsonValue, other: JsonValue) -> bool:
    """As JSON has it: true is not 1, while 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one == other
