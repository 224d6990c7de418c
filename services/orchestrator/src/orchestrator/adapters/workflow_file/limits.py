"""Which limits hold for a node and for the whole execution, and what happens when one is reached?"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orchestrator.adapters.workflow_file.cost_steps import last_reaction
from orchestrator.adapters.workflow_file.report import Path, Report
from orchestrator.adapters.workflow_file.values import (
    Fields,
    integer,
    mapping,
    microdollars,
    number,
    text,
    usd,
)
from orchestrator.domain.workflow import (
    Backoff,
    DefaultResponse,
    Fallback,
    HandOver,
    JsonValue,
    Limit,
    Limits,
    Reaction,
    Retry,
)
from orchestrator.domain.workflow_limits import WorkflowLimits

_MICRODOLLAR: Final = Decimal("0.000001")
# A second try makes sense where the first may just have been unlucky; anywhere else the limit would be reached again.
_MAY_RETRY: Final = frozenset({Limit.TIMEOUT, Limit.ITERATIONS})
_PASSED_ON: Final = frozenset({"timeout_ms", "max_retries", "retry_backoff", "max_iterations"})


def node_limits(workflow: Fields, agent: Fields, own: Fields) -> Limits:
    """The workflow's limits, the agent's over them, the node's own over both. The workflow's `max_cost` is the whole
    execution's and is not passed on."""
    merged = {name: value for name, value in workflow.items() if name in _PASSED_ON} | agent | own
    default = Limits()
    return Limits(
        timeout_ms=integer(merged.get("timeout_ms"), default.timeout_ms),
        cost_max_microdollars=microdollars(merged.get("max_cost")),
        attempts_max=integer(merged.get("max_retries"), default.attempts_max),
        backoff=_backoff(merged.get("retry_backoff")),
        iterations_max=integer(merged.get("max_iterations"), default.iterations_max),
    )


def workflow_limits(declared: Fields) -> WorkflowLimits:
    """Limits of the whole execution and of a conversation."""
    default = WorkflowLimits()
    return WorkflowLimits(
        deadline_ms=integer(declared.get("deadline_ms"), default.deadline_ms),
        cost_max_microdollars=microdollars(declared.get("max_cost")),
        is_uncapped=declared.get("max_cost") == "uncapped",
        context_tokens_max=integer(declared.get("context_tokens"), default.context_tokens_max),
        turns_per_minute_max=integer(declared.get("turns_per_minute"), default.turns_per_minute_max),
        turns_queued_max=integer(declared.get("turns_queued"), default.turns_queued_max),
        idle_close_ms=integer(declared.get("idle_close_ms"), default.idle_close_ms),
        allow_repeated_reply=declared.get("allow_repeated_reply") is True,
    )


def check_limits(declared: Fields, path: Path, report: Report) -> None:
    """What the structure does not show: money finer than a micro-dollar, a cap below the base."""
    dollars = usd(declared.get("max_cost"))
    if dollars is not None and dollars % _MICRODOLLAR:
        message = f"`max_cost` of {dollars} USD is finer than a micro-dollar"
        report.add((*path, "max_cost"), message, "at most six decimals")
    backoff = _backoff(declared.get("retry_backoff"))
    if backoff.base_ms > backoff.cap_ms:
        message = f"`base_ms` of {backoff.base_ms} is above `cap_ms` of {backoff.cap_ms}"
        report.add((*path, "retry_backoff"), message, f"cap_ms is {Backoff().cap_ms} unless declared")


def reactions(declared: Fields, path: Path, report: Report) -> dict[Limit, Reaction]:
    """The reactions of an `on_limit` block."""
    found: dict[Limit, Reaction] = {}
    for name, value in declared.items():
        limit = Limit(name)
        reaction = _reaction(last_reaction(value) if limit is Limit.COST else value)
        if isinstance(reaction, Retry) and limit not in _MAY_RETRY:
            hint = "fallback, default_response or handover"
            report.add((*path, name), f"`retry` cannot help when `{name}` is reached", hint)
        found[limit] = reaction
    return found


def shorthand(node: Fields) -> Mapping[Limit, Reaction]:
    """What `fallback`, else `default_response`, of a node means for the limits that `on_limit` leaves open.

    A timeout is not among them: it uses up an attempt, and the end of the last attempt is `max_retries`."""
    if fallback := text(node.get("fallback")):
        reaction: Reaction = Fallback(fallback)
    elif response := text(node.get("default_response")):
        reaction = DefaultResponse(response)
    else:
        return {}
    return dict.fromkeys((Limit.RETRIES, Limit.COST, Limit.ITERATIONS), reaction)


def _reaction(value: JsonValue) -> Reaction:
    declared = mapping(value)
    if fallback := text(declared.get("fallback")):
        return Fallback(fallback)
    if response := text(declared.get("default_response")):
        return DefaultResponse(response)
    return Retry() if value == "retry" else HandOver()


def _backoff(value: JsonValue) -> Backoff:
    default = Backoff()
    declared: Fields = {"kind": value} if isinstance(value, str) else mapping(value)
    return Backoff(
        kind="fixed" if declared.get("kind") == "fixed" else "exponential",
        base_ms=integer(declared.get("base_ms"), default.base_ms),
        cap_ms=integer(declared.get("cap_ms"), default.cap_ms),
        jitter=number(declared.get("jitter"), default.jitter),
    )
