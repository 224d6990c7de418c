"""What do metrics say of a request?"""

import functools

import structlog
from opentelemetry import trace
from prometheus_client import Counter, Histogram

from contracts.costs import RequestRecord

COMPLETIONS = Counter("hil_completions_total", "Completions, by model and outcome.", ("model", "outcome"))
COST = Counter("hil_completion_cost_microdollars_total", "Cost of completions.", ("model",))
CACHE = Counter("hil_completion_cache_total", "Where answers came from: none, exact, semantic, coalesced.", ("tier",))
MASKED = Counter("hil_masked_values_total", "Personal values masked before a call, by kind.", ("kind",))
# Names, labels and bounds of the next two are those of OpenTelemetry's conventions for generative AI.
_CALL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
SECONDS = Histogram(
    "gen_ai_client_operation_duration_seconds",
    "Time from request to answer.",
    (*_CALL, "error_type"),
    buckets=tuple(0.01 * 2**power for power in range(14)),
)
TOKENS = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of a request.",
    (*_CALL, "gen_ai_token_type"),
    buckets=tuple(4**power for power in range(14)),
)
_CANDIDATE_CHARACTERS_MAX = 200
Meters = tuple[Counter, Counter, Histogram, Histogram, Histogram]


@functools.lru_cache(maxsize=1_000)
def _meters(operation: str, provider: str, model: str, outcome: str) -> Meters:
    """Looking labels up every time took longer than counting."""
    call = (operation, provider, model)
    return (
        COMPLETIONS.labels(model, outcome),
        COST.labels(model),
        SECONDS.labels(*call, "" if outcome == "ok" else outcome),
        TOKENS.labels(*call, "input"),
        TOKENS.labels(*call, "output"),
    )


def observe_request(record: RequestRecord) -> None:
    """Count it, and say it on the request's span. Models and providers are closed sets: those of the models file."""
    names = (record.operation, record.provider or "none", record.model or "none")
    count, cost, seconds, tokens_input, tokens_output = _meters(*names, record.outcome)
    count.inc()
    cost.inc(record.cost_microdollars)
    seconds.observe(record.latency_ms / 1000)
    if record.tokens_input or record.tokens_output:
        tokens_input.observe(record.tokens_input)
        tokens_output.observe(record.tokens_output)
    if record.cache != "none":
        CACHE.labels(record.cache).inc()
    for kind, number in record.masked.items():
        MASKED.labels(kind).inc(number)
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(_attributes(record))


def _attributes(record: RequestRecord) -> dict[str, str | int | tuple[str, ...]]:
    """Why this model: each candidate of the profile with what became of it."""
    candidates = (f"{one.model}: {one.verdict}: {one.reason}".removesuffix(": ") for one in record.candidates)
    return {
        "hil.profile": record.profile,
        "hil.outcome": record.outcome,
        "hil.candidates": tuple(one[:_CANDIDATE_CHARACTERS_MAX] for one in candidates),
        "hil.cost_microdollars": record.cost_microdollars,
        "hil.cache": record.cache,
        "hil.masked_values": sum(record.masked.values()),
    }


def add_to_log_line(record: RequestRecord) -> None:
    """For the line that the bus writes of a handled message. Never a prompt or an answer."""
    structlog.contextvars.bind_contextvars(
        model=record.model or "none",
        completion=record.outcome,
        cost_microdollars=record.cost_microdollars,
        cache=record.cache,
        fallbacks=sum(candidate.verdict == "failed" for candidate in record.candidates),
    )
