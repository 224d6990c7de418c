"""How much money is asked for before a call, and how long may the answer be with what was granted?"""

from dataclasses import dataclass

from llm_gateway.domain.cost import cost_at_most
from llm_gateway.domain.route_model import Candidate

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


def output_tokens_granted(candidate: Candidate, bid: Bid, amount_microdollars: int) -> int:
    """`max_tokens` of the call, so that it cannot cost more than what was reserved."""
    if amount_microdollars >= bid.most or candidate.price.output == 0:
        return candidate.tokens_output_max
    for_output = amount_microdollars * _TOKENS_PER_PRICE - candidate.tokens_input * candidate.price.input
    return max(min(for_output // candidate.price.output, candidate.tokens_output_max), 1)
