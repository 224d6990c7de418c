"""After a failed call of a provider: is it tried again, and after how long?"""

import hashlib

from llm_gateway.domain.answer import Trouble
from llm_gateway.domain.failure import ErrorClass

TRIES_MAX = 3
_FIRST_WAIT_SECONDS = 0.25
_WAIT_SECONDS_MAX = 8.0
# A fallback needs time of its own: the model before it gets this share of what is left.
_SHARE_BEFORE_FALLBACK = 0.6
_WORTH_RETRYING = frozenset(
    {ErrorClass.RATE_LIMITED, ErrorClass.PROVIDER_ERROR, ErrorClass.PROVIDER_UNREACHABLE, ErrorClass.TIMEOUT}
)


def wait_before_retry(trouble: Trouble, *, tries: int, jitter: float, left_seconds: float) -> float | None:
    """Seconds to wait after `tries` calls, or None to give up on this model. `jitter` is in [0, 1); what the provider
    asks for (Retry-After) is kept to, and when it does not fit into the time left there is no use in waiting."""
    if tries >= TRIES_MAX or trouble.error_class not in _WORTH_RETRYING:
        return None
    backoff = min(_FIRST_WAIT_SECONDS * 2 ** (tries - 1), _WAIT_SECONDS_MAX) * (0.5 + jitter)
    wait = max(backoff, trouble.retry_after_seconds or 0.0)
    return wait if wait < left_seconds else None


def seconds_for_model(left_seconds: float, *, models_after: int) -> float:
    """How long the next model and all its tries may take."""
    return left_seconds * _SHARE_BEFORE_FALLBACK if models_after else left_seconds


def jitter_of(command_id: str, tries: int) -> float:
    """A number in [0, 1) that differs between commands and tries, and is the same every time."""
    digest = hashlib.sha256(f"{command_id}/{tries}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
