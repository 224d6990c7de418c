"""What became of the calls that one request led to?"""

from dataclasses import dataclass, field

from contracts.costs import CandidateRecord
from cost_ledger.over_budget import OverBudget
from llm_gateway.domain.answer import NO_USAGE, Answer, Usage
from llm_gateway.domain.check_answer import Checked
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.route_model import Candidate, Route

_REASON_CHARACTERS_MAX = 300
NOTHING_CHECKED = Checked()


@dataclass(frozen=True, slots=True)
class Made:
    """The outcome of a request, its answer as the caller may see it. `usage` and cost are of all calls, failed ones
    included."""

    outcome: Answer | Failure
    checked: Checked = NOTHING_CHECKED
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


@dataclass(slots=True)
class Tally:
    """What became of the calls of a request so far. Filled in place: a frozen copy for every step cost 6 µs each."""

    outcome: Failure
    """Of the newest candidate that brought no answer."""
    model: str | None = None
    provider: str | None = None
    usage: Usage = NO_USAGE
    cost_microdollars: int = 0
    candidates: list[CandidateRecord] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)
    repaired: bool = False
    retry_after_seconds: float | None = None
    over_budget: OverBudget | None = None

    def add_call(self, candidate: Candidate, cost_microdollars: int, usage: Usage) -> None:
        """One call more."""
        self.model, self.provider = candidate.model.name, candidate.model.provider
        self.cost_microdollars += cost_microdollars
        self.usage = self.usage if usage is NO_USAGE else added(self.usage, usage)

    def add_failed(self, candidate: Candidate, failure: Failure) -> None:
        """A candidate that brought no answer."""
        name, reason = candidate.model.name, f"{failure.error_class}: {failure.detail}"[:_REASON_CHARACTERS_MAX]
        self.outcome = failure
        self.candidates.append(record("failed", name, reason))
        self.fallbacks.append(f"{name}: {reason}"[:_REASON_CHARACTERS_MAX])

    def add_answered(self, candidate: Candidate) -> None:
        """The candidate that brought the answer."""
        self.candidates.append(record("answered", candidate.model.name))
        self.retry_after_seconds = None

    def made(self, outcome: Answer | Failure | None = None, checked: Checked = NOTHING_CHECKED) -> Made:
        """All of it, with the answer, or else the newest failure."""
        return Made(
            outcome or self.outcome,
            checked,
            model=self.model,
            provider=self.provider,
            usage=self.usage,
            cost_microdollars=self.cost_microdollars,
            candidates=tuple(self.candidates),
            fallbacks=tuple(self.fallbacks),
            repaired=self.repaired,
            retry_after_seconds=self.retry_after_seconds,
            over_budget=self.over_budget,
        )

    def add_rest(self, route: Route, *, tried: int) -> None:
        """The models that were not needed, and those that were skipped."""
        for candidate in route.candidates[tried:]:
            self.candidates.append(record("not_needed", candidate.model.name))
        for skip in route.skipped:
            reason = f"{skip.reason}: {skip.detail}"[:_REASON_CHARACTERS_MAX]
            self.candidates.append(record("skipped", skip.model, reason))


def added(one: Usage, other: Usage) -> Usage:
    """The tokens of two calls."""
    return Usage(
        one.tokens_input + other.tokens_input,
        one.tokens_cached + other.tokens_cached,
        one.tokens_output + other.tokens_output,
    )


def record(verdict: str, model: str, reason: str = "") -> CandidateRecord:
    """What became of one model."""
    return CandidateRecord(model=model, verdict=verdict, reason=reason)
