"""Where are observations of the log counted, with labels of closed sets?"""

from collections.abc import Container
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from contracts.envelope import LogEntry
from hil_inbox.domain.measures import Measure, Name, measures
from hil_inbox.domain.read_model import View

WAITS = (5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400)
CASES = (60, 300, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 259_200)
LOOKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 900)
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
REASON_CODES_MAX = 20

COUNTERS: dict[Name, Counter] = {
    "opened": Counter(
        "hil_inbox_handovers_opened_total", "Handovers; `again`: within 24 h of the last end.", ("queue", "which")
    ),
    "claim": Counter("hil_inbox_handovers_claimed_total", "Handovers that found an owner.", ("queue", "how")),
    "release": Counter("hil_inbox_handovers_released_total", "Handovers put back into a queue.", ("queue", "why")),
    "resolution": Counter("hil_inbox_handovers_ended_total", "Handovers resolved or returned.", ("queue", "how")),
    "suppressed": Counter("hil_inbox_ai_sends_suppressed_total", "AI messages kept back.", ("queue", "why")),
    "decision": Counter("hil_inbox_decisions_total", "Verdicts on approvals.", ("queue", "verdict")),
    "rejection": Counter("hil_inbox_rejections_total", "Rejected approvals.", ("queue", "reason_code")),
    "suggestion": Counter("hil_inbox_suggestions_total", "Drafts that were settled.", ("queue", "outcome")),
    "rating": Counter("hil_inbox_ratings_total", "Customers' ratings, 1 bad to 5 good.", ("queue", "rating")),
}
HISTOGRAMS: dict[Name, Histogram] = {
    "claim": Histogram(
        "hil_inbox_claim_seconds", "From opened, or last released, to claimed.", ("queue",), buckets=WAITS
    ),
    "first_reply": Histogram(
        "hil_inbox_first_reply_seconds", "From opened to a person's first reply.", ("queue",), buckets=WAITS
    ),
    "resolution": Histogram(
        "hil_inbox_resolution_seconds", "From opened to resolved or returned.", ("queue",), buckets=CASES
    ),
    "edit": Histogram(
        "hil_inbox_suggestion_edit_share", "Characters changed, as a share of the draft.", ("queue",), buckets=SHARES
    ),
}
DWELL = Histogram("hil_inbox_dwell_seconds", "How long a person looked before deciding.", ("what",), buckets=LOOKS)


@dataclass(slots=True)
class Measured:
    """Counts each delivered fact after its documents are stored. One that is delivered again after a crash between the
    two is not counted again; one that was folded by another replica before is not counted here."""

    queues: Container[str]
    _reason_codes: set[str]

    async def __call__(self, view: View, entry: LogEntry) -> None:
        for one in measures(view, entry):
            self._count(one)

    def _count(self, one: Measure) -> None:
        queue = one.queue if one.queue in self.queues else "other"
        if one.name == "dwell" and one.value is not None:
            DWELL.labels(one.word).observe(one.value)
            return
        word = self._code(one.word) if one.name == "rejection" else one.word
        if (counter := COUNTERS.get(one.name)) is not None:
            counter.labels(queue, word).inc()
        if (histogram := HISTOGRAMS.get(one.name)) is not None and one.value is not None:
            histogram.labels(queue).observe(one.value)

    def _code(self, code: str) -> str:
        """Codes come from desktops: the first REASON_CODES_MAX different ones are told apart."""
        if code in self._reason_codes or len(self._reason_codes) < REASON_CODES_MAX:
            self._reason_codes.add(code)
            return code or "none"
        return "other"


def measured(queues: Container[str]) -> Measured:
    """A counter that knows these queues by name; all others are `other`."""
    return Measured(queues, set())
