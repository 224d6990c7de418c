"""Which models are tried for a request, in which order, and why not the others?"""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.domain.models import Capability, Model, ModelKind, ModelTable, Price

CANDIDATES_MAX = 4
# Token counts before the call may be estimates, and answers need room: a window is used up to 80 % (SPEC G2).
_WINDOW_PERCENT = 80


class SkipReason(StrEnum):
    WINDOW = "window"
    CAPABILITY = "capability"
    COST = "cost"
    BREAKER = "breaker"
    KIND = "kind"
    SURPLUS = "surplus"


_CLASS_OF_SKIP = {
    SkipReason.WINDOW: ErrorClass.CONTEXT_TOO_LONG,
    SkipReason.BREAKER: ErrorClass.PROVIDER_UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Need:
    """What a request asks of a model."""

    tokens_input: int
    tokens_output_max: int | None = None
    tools: bool = False
    json_schema: bool = False
    vision: bool = False
    kind: ModelKind = ModelKind.CHAT


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be called, with at most `tokens_output_max` tokens of answer."""

    model: Model
    tokens_input: int
    tokens_output_max: int

    @property
    def price(self) -> Price:
        return self.model.price


@dataclass(frozen=True, slots=True)
class Skip:
    """A model that was passed over; `detail` names the value and the limit."""

    model: str
    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class Route:
    candidates: tuple[Candidate, ...]
    skipped: tuple[Skip, ...]


def route_model(table: ModelTable, profile: str, need: Need, open_models: Set[str]) -> Route | Failure:
    """The profile's models in its order, without those that cannot do it. `open_models` have an open breaker."""
    models = table.candidates_of(profile)
    if models is None:
        known = ", ".join(sorted(table.profiles))
        return Failure(ErrorClass.UNKNOWN_PROFILE, f"{profile[:80]!r} is neither a model nor one of: {known}")
    candidates: list[Candidate] = []
    skipped: list[Skip] = []
    for model in models:
        found = _candidate(model, need, open_models)
        if isinstance(found, Candidate) and len(candidates) == CANDIDATES_MAX:
            found = Skip(model.name, SkipReason.SURPLUS, f"{CANDIDATES_MAX} models are tried at most")
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            skipped.append(found)
    return Route(tuple(candidates), tuple(skipped)) if candidates else _no_candidate(profile, skipped)


def _candidate(model: Model, need: Need, open_models: Set[str]) -> Candidate | Skip:
    lacking = [str(one) for one in _capabilities(need) if one not in model.capabilities]
    usable = model.context_tokens_max * _WINDOW_PERCENT // 100
    room = usable - need.tokens_input
    least = need.tokens_output_max or 1
    longest = min(need.tokens_output_max or model.output_tokens_max, model.output_tokens_max, max(room, 0))
    if model.kind is not need.kind:
        return Skip(model.name, SkipReason.KIND, f"it is for {model.kind}, not for {need.kind}")
    if lacking:
        return Skip(model.name, SkipReason.CAPABILITY, f"it lacks {', '.join(lacking)}")
    if room < min(least, model.output_tokens_max):
        return Skip(model.name, SkipReason.WINDOW, f"{need.tokens_input} + {least} tokens are over the {usable} usable")
    if model.name in open_models:
        return Skip(model.name, SkipReason.BREAKER, "its breaker is open")
    return Candidate(model, need.tokens_input, longest)


def _capabilities(need: Need) -> list[Capability]:
    wanted = {
        Capability.TOOLS: need.tools,
        Capability.JSON_SCHEMA: need.json_schema,
        Capability.VISION: need.vision,
    }
    return [capability for capability, asked in wanted.items() if asked]


def _no_candidate(profile: str, skipped: list[Skip]) -> Failure:
    """One common reason is the failure's class: the sender can act on it."""
    reasons = {skip.reason for skip in skipped}
    only = next(iter(reasons)) if len(reasons) == 1 else None
    error_class = _CLASS_OF_SKIP.get(only, ErrorClass.NO_CANDIDATE) if only else ErrorClass.NO_CANDIDATE
    details = "; ".join(f"{skip.model}: {skip.reason}: {skip.detail}" for skip in skipped)
    return Failure(error_class, f"no model of {profile!r} can take this: {details}")
