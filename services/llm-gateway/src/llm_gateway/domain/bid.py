"""How much money is asked for before a call, and how long may the answer be with what was granted?"""

from dataclasses import dataclass

from llm_gateway.domain.cost import cost_at_most
from llm_gateway.domain.route_model import Candidate, Route, Skip, SkipReason

_TOKENS_PER_PRICE = 1_000_000
# An answer cut shorter than this is worth nothing: then the request is refused rather than shrunk.
OUTPUT_TOKENS_LEAST = 16


@dataclass(frozen=True, slots=True)
class Bid:
    """Micro-dollars: `most` for the longest answer, `least` for the shortest that is of use. `tokens` counts against
    limits of tokens a minute."""

    most: int
    least: int
    tokens: int


def bid_for(candidate: Candidate, *, output_tokens_asked: int | None) -> Bid:
    """A caller that says how long the answer may be gets that or nothing; otherwise the answer may be as long as the
    model allows, and as short as the money demands."""
    longest = candidate.tokens_output_max
    shortest = longest if output_tokens_asked is not None else min(OUTPUT_TOKENS_LEAST, longest)
    return Bid(
        most=cost_at_most(candidate.price, tokens_input=candidate.tokens_input, tokens_output_max=longest),
        least=cost_at_most(candidate.price, tokens_input=candidate.tokens_input, tokens_output_max=shortest),
        tokens=candidate.tokens_input + longest,
    )


def within_cap(route: Route, *, cap_microdollars: int | None, output_tokens_asked: int | None) -> Route:
    """The route without models whose shortest useful answer costs more than the lowest cap could ever pay. Where that
    is all of them the cheapest stays: the gate refuses it, and says whose cap it is and what was spent."""
    if cap_microdollars is None:
        return route
    leasts = [bid_for(candidate, output_tokens_asked=output_tokens_asked).least for candidate in route.candidates]
    limit = max(cap_microdollars, min(leasts))
    if max(leasts) <= limit:
        return route
    pairs = list(zip(route.candidates, leasts, strict=True))
    skipped = [
        Skip(candidate.model.name, SkipReason.COST, f"{least} micro-dollars are over the cap of {cap_microdollars}")
        for candidate, least in pairs
        if least > limit
    ]
    return Route(tuple(one for one, least in pairs if least <= limit), (*route.skipped, *skipped))


def output_tokens_granted(candidate: Candidate, bid: Bid, amount_microdollars: int) -> int:
    """`max_tokens` of the call, so that it cannot cost more than what was reserved."""
    if amount_microdollars >= bid.most or candidate.price.output == 0:
        return candidate.tokens_output_max
    for_output = amount_microdollars * _TOKENS_PER_PRICE - candidate.tokens_input * candidate.price.input
    return max(min(for_output // candidate.price.output, candidate.tokens_output_max), 1)
