"""What do metrics and the log line say of a completion?"""

import structlog
from prometheus_client import Counter, Histogram

from contracts.completions import CompletionFailed, CompletionProduced

COMPLETIONS = Counter("hil_completions_total", "Completions, by model and outcome.", ("model", "outcome"))
TOKENS = Counter("hil_completion_tokens_total", "Tokens of completions.", ("model", "direction"))
COST = Counter("hil_completion_cost_microdollars_total", "Cost of completions.", ("model",))
SECONDS = Histogram("hil_completion_seconds", "Time from command to fact.", ("model",))


def observe_outcome(outcome: CompletionProduced | CompletionFailed) -> None:
    """Count it, and add it to the log line of its message. Never a prompt or an answer."""
    model = outcome.model or "none"
    result = "produced" if isinstance(outcome, CompletionProduced) else outcome.error_class
    COMPLETIONS.labels(model, result).inc()
    TOKENS.labels(model, "input").inc(outcome.tokens_input)
    TOKENS.labels(model, "output").inc(outcome.tokens_output)
    COST.labels(model).inc(outcome.cost_microdollars)
    SECONDS.labels(model).observe(outcome.latency_ms / 1000)
    structlog.contextvars.bind_contextvars(
        model=model, completion=result, cost_microdollars=outcome.cost_microdollars, fallbacks=len(outcome.fallbacks)
    )
