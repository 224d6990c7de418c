"""What became of the calls that one request led to?"""

from dataclasses import dataclass, field, replace

from contracts.costs import CandidateRecord
from llm_gateway.domain.answer import NO_USAGE, Answer, Usage
from llm_gateway.domain.check_answer import Checked
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.over_budget import OverBudget
from llm_gateway.domain.route_model import Candidate, Route

_REASON_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Made:
    """The outcome of a request, its answer as the caller may see it. `usage` and cost are of all calls, failed ones
    included."""

    outcome: Answer | Failure
    checked: Checked = field(default_factory=Checked)
    model: str | None = None
    provider: str | None = None
    usage: Usage = NO_USAGE
    cost_microdollars: int = 0
    candidates: tuple[CandidateRecord, ...] = ()
    fallbacks: tuple[str, ...] = ()
    repaired: bool = False
    retry_after_seconds: float | None = None
    cache: str = "none"
    over_budget: OverBudget | None = None

    def with_cost(self, candidate: Candidate, cost_microdollars: int, usage: Usage) -> "Made":
        """One call more."""
        return replace(
            self,
            model=candidate.model.name,
            provider=candidate.model.provider,
            cost_microdollars=self.cost_microdollars + cost_microdollars,
            usage=self.usage if usage is NO_USAGE else added(self.usage, usage),
        )

    def with_failed(self, candidate: Candidate, failure: Failure, *, retry_after_seconds: float | None) -> "Made":
        """A candidate that brought no answer."""
        name, reason = candidate.model.name, f"{failure.error_class}: {failure.detail}"[:_REASON_CHARACTERS_MAX]
        return replace(
            self,
            outcome=failure,
            retry_after_seconds=retry_after_seconds,
            candidates=(*self.candidates, record("failed", name, reason)),
            fallbacks=(*self.fallbacks, f"{name}: {reason}"[:_REASON_CHARACTERS_MAX]),
        )


def added(one: Usage, other: Usage) -> Usage:
    """The tokens of two calls."""
    return Usage(
        one.tokens_input + other.tokens_input,
        one.tokens_cached + other.tokens_cached,
        one.tokens_output + other.tokens_output,
    )


def record(verdict: str, model: str, reason: str = "") -> CandidateRecord:
    """What became of one model; our own values, so they are not validated again."""
    return CandidateRecord.model_construct(model=model, verdict=verdict, reason=reason)


def with_route(made: Made, route: Route, *, tried: int) -> Made:
    """Add the models that were not needed, and those that were skipped."""
    rest = tuple(record("not_needed", candidate.model.name) for candidate in route.candidates[tried:])
    skipped = tuple(
        record("skipped", skip.model, f"{skip.reason}: {skip.detail}"[:_REASON_CHARACTERS_MAX])
        for skip in route.skipped
    )
    return replace(made, candidates=(*made.candidates, *rest, *skipped))
