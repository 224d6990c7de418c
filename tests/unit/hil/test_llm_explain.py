"""What does `hil llm explain` make of the ledger?"""

import io

from rich.console import Console

from contracts.costs import CandidateRecord, CostEntry, RequestRecord
from hil.llm_explain import Explained, Recorded, explained, page

REQUEST = RequestRecord(
    request_id="r1",
    source="http",
    entity="anna",
    profile="fast",
    candidates=(
        CandidateRecord(model="small", verdict="skipped", reason="window: 900 + 200 tokens are over the 800 usable"),
        CandidateRecord(model="middle", verdict="failed", reason="timeout"),
        CandidateRecord(model="large", verdict="answered"),
    ),
    model="large",
    provider="default",
    masked={"email": 2},
    streamed=True,
    tokens_input=900,
    tokens_output=20,
    latency_ms=412,
    recorded_ms=1_700_000_000_000,
)
FAILED = CostEntry(reservation_id="a/r1/0", request_id="r1", spent_microdollars=90, reserved_microdollars=90,
                   model="middle", outcome="timeout", scopes=("tenant:a",), recorded_ms=1)  # fmt: skip
SETTLED = CostEntry(reservation_id="a/r1/1", request_id="r1", spent_microdollars=60, reserved_microdollars=200,
                    model="large", recorded_ms=2)  # fmt: skip


def shown(found: Explained) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(page(found))
    return console.export_text()


def test_nothing_recorded_is_nothing_explained() -> None:
    assert explained("r1", Recorded([], [])) is None


def test_the_calls_are_in_order_and_their_money_is_summed() -> None:
    found = explained("r1", Recorded([REQUEST], [SETTLED, FAILED]))
    assert found is not None
    assert [one["model"] for one in found.attempts] == ["middle", "large"]
    assert found.spent_microdollars == 150


def test_the_page_says_why_this_model_what_was_masked_and_what_it_took() -> None:
    found = explained("r1", Recorded([REQUEST], [SETTLED, FAILED]))
    assert found is not None
    text = shown(found)
    assert "large was next after small skipped, middle failed" in text
    assert "window: 900 + 200 tokens are over the 800 usable" in text
    assert "masked: 2 email; streamed" in text
    assert "for: entity anna" in text
    assert "412 ms; cost: 150 micro-dollars ($0.000150)" in text
    assert "200" in text and "tenant:a" in text


def test_an_answer_from_the_cache_and_one_that_nobody_gave_say_so() -> None:
    cached = REQUEST.model_copy(update={"cache": "exact", "candidates": ()})
    nobody = REQUEST.model_copy(update={"candidates": REQUEST.candidates[:2], "model": None, "outcome": "timeout"})
    texts = []
    for record in (cached, nobody):
        found = explained("r1", Recorded([record], []))
        assert found is not None
        texts.append(shown(found))
    assert "the answer came from the cache (exact), no model was called" in texts[0]
    assert "no model of the profile gave an answer: small skipped; middle failed" in texts[1]


def test_money_without_an_end_is_shown_as_such() -> None:
    found = explained("r1", Recorded([], [FAILED]))
    assert found is not None
    assert "its gateway died" in shown(found)
