"""What do metrics say of a request?"""

import functools

import structlog
from prometheus_client import Counter, Histogram

from contracts.costs import RequestRecord

COMPLETIONS = Counter("hil_completions_total", "Completions, by model and outcome.", ("model", "outcome"))
TOKENS = Counter("hil_completion_tokens_total", "Tokens of completions.", ("model", "direction"))
COST = Counter("hil_completion_cost_microdollars_total", "Cost of completions.", ("model",))
SECONDS = Histogram("hil_completion_seconds", "Time from request to answer.", ("model",))
CACHE = Counter("hil_completion_cache_total", "Where answers came from: none, exact, semantic, coalesced.", ("tier",))
MASKED = Counter("hil_masked_values_total", "Personal values masked before a call, by kind.", ("kind",))
Meters = tuple[Counter, Counter, Counter, Counter, Histogram]


@functools.lru_cache(maxsize=1_000)
def _meters(model: str, outcome: str) -> Meters:
    """Looking labels up every time took longer than counting."""
    return (
        COMPLETIONS.labels(model, outcome),
        TOKENS.labels(model, "input"),
        TOKENS.labels(model, "output"),
        COST.labels(model),
        SECONDS.labels(model),
    )


def observe_request(record: RequestRecord) -> None:
    """Count it. Models are a small closed set: those of the models file."""
    count, tokens_input, tokens_output, cost, seconds = _meters(record.model or "none", record.outcome)
    count.inc()
    tokens_input.inc(record.tokens_input)
    tokens_output.inc(record.tokens_output)
    cost.inc(record.cost_microdollars)
    seconds.observe(record.latency_ms / 1000)
    if record.cache != "none":
        CACHE.labels(record.cache).inc()
    for kind, number in record.masked.items():
        MASKED.labels(kind).inc(number)


def add_to_log_line(record: RequestRecord) -> None:
    """For the line that the bus writes of a handled message. Never a prompt or an answer."""
    structlog.contextvars.bind_contextvars(
        model=record.model or "none",
        completion=record.outcome,
        cost_microdollars=record.cost_microdollars,
        cache=record.cache,
        fallbacks=sum(candidate.verdict == "failed" for candidate in record.candidates),
    )
