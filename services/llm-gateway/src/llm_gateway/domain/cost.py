"""How much money does a call take at most, and how much did it take?"""

from llm_gateway.domain.answer import Answer, Embeddings, Usage
from llm_gateway.domain.models import Price

_TOKENS_PER_PRICE = 1_000_000
# English has about 4 bytes a token, dense JSON and most other languages about 3: the estimate errs upwards.
_BYTES_PER_TOKEN = 3


def estimated_tokens(request_bytes: int) -> int:
    """Tokens of a request body, rather too many than too few."""
    return -(-request_bytes // _BYTES_PER_TOKEN)


def cost_at_most(price: Price, *, tokens_input: int, tokens_output_max: int) -> int:
    """Micro-dollars to reserve before a call."""
    return _rounded_up(tokens_input * price.input + tokens_output_max * price.output)


def cost_of(price: Price, usage: Usage) -> int:
    """Micro-dollars that a call took, rounded up."""
    fresh = max(usage.tokens_input - usage.tokens_cached, 0)
    return _rounded_up(fresh * price.input + usage.tokens_cached * price.cached + usage.tokens_output * price.output)


def cost_of_answer(price: Price, answer: Answer | Embeddings, *, reserved_microdollars: int) -> int:
    """Same for an answer; without a count of its tokens it took all that was reserved."""
    return reserved_microdollars if answer.usage is None else cost_of(price, answer.usage)


def _rounded_up(price_tokens: int) -> int:
    return -(-price_tokens // _TOKENS_PER_PRICE)
