"""When is what due: backoff between attempts, timeouts, deadlines, and how large is a text?"""

import hashlib

from orchestrator.domain.workflow import Backoff

GRACE_MS = 2_000
"""Workers enforce `timeout_ms` themselves; the orchestrator's own deadline is this much later, as the backstop."""
LOG_MESSAGES_MAX = 2_000
LOG_BYTES_MAX = 16 * 1024 * 1024
FLOOD_WINDOW_MS = 60_000


def backoff_ms(backoff: Backoff, failures: int, *, seed: str) -> int:
    """Wait after the `failures`-th failure (from 1). The jitter comes from `seed`, a command's id, so that it is the
    same whenever it is asked for."""
    doubled = backoff.base_ms * 2 ** min(failures - 1, 30) if backoff.kind == "exponential" else backoff.base_ms
    capped = min(doubled, backoff.cap_ms)
    spread = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") / 2**32 * 2 - 1
    return round(capped * (1 + backoff.jitter * spread))


def tokens_of(text: str) -> int:
    """A stated estimate: four characters a token, four tokens a message. Only bounds prompts; never used for money."""
    return len(text) // 4 + 4
