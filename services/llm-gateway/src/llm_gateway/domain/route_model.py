"""Which models are tried for a request, in which order, and why not the others?"""

from dataclasses import dataclass

from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.models import Model, ModelTable, Price

CANDIDATES_MAX = 2
# Token counts before the call are estimates; a window is used up to 80 % (SPEC G2).
_WINDOW_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be called: it has a price."""

    model: Model
    price: Price


@dataclass(frozen=True, slots=True)
class Candidates:
    """`skipped` names each model that was passed over, with the reason."""

    chosen: tuple[Candidate, ...]
    skipped: tuple[str, ...]


def route_model(table: ModelTable, profile: str, *, tokens_input: int) -> Candidates | Failure:
    """At most one model and one fallback, in the profile's order."""
    if profile not in table.profiles:
        known = ", ".join(sorted(table.profiles))
        return Failure(ErrorClass.UNKNOWN_PROFILE, f"profile {profile!r} is not one of: {known}")
    chosen: list[Candidate] = []
    skipped: list[Failure] = []
    for name in table.profiles[profile]:
        candidate = _fits(table.models[name], tokens_input)
        if isinstance(candidate, Failure):
            skipped.append(candidate)
        else:
            chosen.append(candidate)
    if not chosen:
        return skipped[0]
    return Candidates(tuple(chosen[:CANDIDATES_MAX]), tuple(f"{why.error_class}: {why.detail}" for why in skipped))


def _fits(model: Model, tokens_input: int) -> Candidate | Failure:
    if model.price is None:
        return Failure(ErrorClass.UNPRICED_MODEL, f"model {model.name} has no price")
    tokens, limit = tokens_input + model.output_tokens_max, int(model.context_tokens_max * _WINDOW_SHARE)
    if tokens > limit:
        return Failure(ErrorClass.CONTEXT_TOO_LONG, f"{tokens} tokens are over the {limit} usable of {model.name}")
    return Candidate(model, model.price)
