"""When do humans take over, what is promised and saved, and how does a version go live (`hil`, `slos`, `baseline`,
`deployment`)?"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, cast

from contracts.executions import StageName
from contracts.kpis import HandlingBaseline
from contracts.objectives import Bound, Comparison, ConditionAlert, Metric, Objective, Severity, Slos
from orchestrator.adapters.workflow_file.nodes import condition
from orchestrator.adapters.workflow_file.report import Report
from orchestrator.adapters.workflow_file.schema_words import BOUND
from orchestrator.adapters.workflow_file.values import (
    Fields,
    integer,
    listing,
    mapping,
    microdollars,
    optional_integer,
    optional_number,
    optional_text,
    priority,
    seconds,
    text,
    texts,
)
from orchestrator.domain.stages import Stage
from orchestrator.domain.suggestion_rules import SuggestionRules
from orchestrator.domain.workflow import HandoverRules, JsonValue, PolicyRule

CUSTOMER_REQUEST_PHRASES: Final = (
    "speak to a human",
    "speak with a human",
    "talk to a human",
    "talk with a human",
    "human agent",
    "human being",
    "real person",
    "real human",
    "live agent",
    "live person",
    "actual person",
    "speak to a person",
    "speak to someone",
    "talk to a person",
    "talk to someone",
    "speak to a representative",
    "talk to a representative",
    "customer service representative",
    "speak to an agent",
    "talk to an agent",
    "speak to a manager",
    "talk to a manager",
    "speak to a supervisor",
    "talk to a supervisor",
    "transfer me to",
    "connect me to",
    "connect me with",
)

# The fields of `slos` that are bounds, and what each is about.
_BOUNDS: Final[dict[str, tuple[Metric, Comparison]]] = {
    "success_rate": (Metric.SUCCESS_RATE, ">="),
    "p50_latency_ms": (Metric.LATENCY_P50, "<="),
    "p95_latency_ms": (Metric.LATENCY_P95, "<="),
    "p99_latency_ms": (Metric.LATENCY_P99, "<="),
    "cost_per_request": (Metric.COST_PER_REQUEST, "<="),
    "handover_rate_max": (Metric.HANDOVER_RATE, "<="),
}


def handover_rules(hil: Fields, report: Report) -> HandoverRules:
    """The `hil` block."""
    default = HandoverRules()
    if "confidence_min" in hil and "confidence_threshold" in hil:
        report.add(("hil", "confidence_threshold"), "it is another name of `confidence_min`", "keep one")
    phrases = hil.get("customer_request_phrases")
    complexity = mapping(hil.get("complexity"))
    return HandoverRules(
        confidence_min=optional_number(hil.get("confidence_min", hil.get("confidence_threshold"))),
        customer_request_phrases=CUSTOMER_REQUEST_PHRASES if phrases is None else texts(phrases),
        consecutive_errors_max=integer(hil.get("consecutive_errors_max"), default.consecutive_errors_max),
        turns_max=optional_integer(complexity.get("turns_max")),
        tool_calls_max=optional_integer(complexity.get("tool_calls_max")),
        policies=tuple(_policies(listing(hil.get("policies")))),
        transfer_tools=texts(hil.get("transfer_tools")),
        skills=texts(hil.get("skills")),
        priority=priority(hil.get("priority")) or default.priority,
        suggestions=_suggestions(mapping(hil.get("suggestions"))),
    )


def _suggestions(declared: Fields) -> SuggestionRules:
    default = SuggestionRules()
    return SuggestionRules(
        profile=text(declared.get("profile"), default.profile),
        prompt=text(declared.get("prompt"), default.prompt),
        timeout_ms=integer(declared.get("timeout_ms"), default.timeout_ms),
    )


def slos(declared: Fields, report: Report) -> Slos:
    """The `slos` block: each objective and each alert once, since that is what an alert is known by."""
    default = Slos()
    named = (
        Objective(name=name, bound=Bound(metric=metric, comparison=comparison, threshold=limit))
        for name, (metric, comparison) in _BOUNDS.items()
        if (limit := optional_number(declared.get(name))) is not None
    )
    own = (
        Objective(name=text(entry.get("name")), bound=bound)
        for entry in map(mapping, listing(declared.get("objectives")))
        if (bound := _bound(entry.get("condition"))) is not None
    )
    objectives, alerts = (*named, *own), tuple(_alerts(listing(declared.get("alerts"))))
    for name in _repeated(objective.name for objective in objectives):
        report.add(("slos", "objectives"), f"there are two objectives `{name}`", "give one another name")
    for alert in _repeated(f"{alert.bound} ({alert.severity})" for alert in alerts):
        report.add(("slos", "alerts"), f"the alert `{alert}` is there twice", "each comes once")
    return Slos(
        objectives=objectives,
        alerts=alerts,
        window_seconds=seconds(declared.get("window")) or default.window_seconds,
        minimum_events=integer(declared.get("minimum_events"), default.minimum_events),
    )


def baseline(declared: Fields) -> HandlingBaseline:
    """The `baseline` block."""
    default = HandlingBaseline()
    handling_seconds = optional_integer(declared.get("handling_seconds"))
    an_hour = microdollars(declared.get("usd_per_hour"))
    return HandlingBaseline(
        handling_ms=default.handling_ms if handling_seconds is None else handling_seconds * 1_000,
        hour_microdollars=default.hour_microdollars if an_hour is None else an_hour,
    )


def stages(deployment: Fields, report: Report) -> tuple[Stage, ...]:
    """The stages of a `deployment` block: each once, shares not falling, only the last one ongoing."""
    entries = listing(deployment.get("stages"))
    read = tuple(_stage(mapping(entry)) for entry in entries)
    for index, (before, stage) in enumerate(pairwise(read), start=1):
        path = ("deployment", "stages", index)
        if stage.percent < before.percent and "rollout" in mapping(entries[index]):
            message = f"the share falls from {before.percent:g}% to {stage.percent:g}%"
            report.add((*path, "rollout"), message, "a later stage has at least the share of the one before")
        if text(mapping(entries[index - 1]).get("duration")) == "ongoing":
            hint = "only the last stage is ongoing"
            report.add(("deployment", "stages", index - 1, "duration"), f"`{before.name}` never ends", hint)
        if stage.name in [earlier.name for earlier in read[:index]]:
            report.add((*path, "name"), f"the stage `{stage.name}` is there twice", "each stage comes once")
    return read


def _policies(entries: list[JsonValue]) -> Iterator[PolicyRule]:
    for entry in map(mapping, entries):
        if (when := condition(entry.get("when"))) is not None:
            yield PolicyRule(when, text(entry.get("detail")))


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _alerts(entries: list[JsonValue]) -> Iterator[ConditionAlert]:
    for entry in map(mapping, entries):
        if (bound := _bound(entry.get("condition"))) is not None:
            yield ConditionAlert(bound=bound, severity=cast(Severity, text(entry.get("severity"), "warning")))


def _bound(value: JsonValue) -> Bound | None:
    match = re.match(BOUND, text(value))
    if match is None:
        return None
    return Bound(metric=Metric(match[1]), comparison=cast(Comparison, match[2]), threshold=float(match[3]))


def _stage(entry: Fields) -> Stage:
    return Stage(
        name=cast(StageName, text(entry.get("name"), "shadow")),  # the schema has checked the word
        duration_seconds=seconds(entry.get("duration")),
        percent=float(text(entry.get("rollout"), "0%").removesuffix("%")),
        mode=optional_text(entry.get("mode")),
        collect_metrics=entry.get("collect_metrics") is not False,
        human_review_required=entry.get("human_review_required") is True,
        error_rate_max=optional_number(entry.get("auto_rollback_on_error_rate")),
    )
