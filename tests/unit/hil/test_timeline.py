"""Does the timeline say in words what happened?"""

import json

import pytest
from tests.support.samples import FOLDER

from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.catalogue import ALL_MESSAGES
from contracts.conversations import AnnounceMessage
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.handover_clocks import HandoverBreached, SnoozeHandover, TransferHandover
from contracts.handovers import HandoverClaimed, HandoverRefused, HandoverReleased, HandoverReturned
from contracts.notes import NoteAdded
from contracts.suggestions import OfferSuggestion, SuggestionSettled
from hil.timeline import timeline

NODE = {"scope": "node", "scope_id": "acme/c1:1/answer"}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            BudgetExhausted(
                command_id="c",
                scope="tenant",
                scope_id="acme/acme",
                window="day",
                cap_microdollars=100,
                spent_microdollars=60,
                held_microdollars=30,
                requested_microdollars=20,
            ),
            "tenant acme/acme (day): 20 µ$ on top of 60 spent and 30 held pass 100",
        ),
        (
            RaiseBudget(**NODE, cap_microdollars=200, based_on=BasedOn(now_ms=0, fence=0)),
            "node acme/c1:1/answer (total) to 200 µ$",
        ),
        (BudgetRaised(**NODE, cap_microdollars=200), "node acme/c1:1/answer (total): 200 µ$ in force"),
        (BudgetRaised(**NODE, cap_microdollars=None), "node acme/c1:1/answer (total): uncapped in force"),
    ],
)
def test_a_cap_that_is_reached_and_raised_is_told_with_its_figures(message: Message, said: str) -> None:
    [line] = timeline([LogEntry(1, 0, "id", message, 1)])
    assert line.what == said


COMMAND = {"command_id": "k", "handover_id": "h", "actor_id": "ada", "ownership_epoch": 2}
FACT = {"handover_id": "h", "actor_id": "ada", "ownership_epoch": 2}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (AnnounceMessage(message_id="m", text="How was it?", notice="rating"), "rating: How was it?"),
        (NoteAdded(note_id="n", actor_id="ada", text="Called twice."), "ada: Called twice."),
        (
            OfferSuggestion(suggestion_id="s", text="A voucher?", origin="asked", based_on=BasedOn(now_ms=0, fence=0)),
            "asked: A voucher?",
        ),
        (
            SuggestionSettled(suggestion_id="s", actor_id="ada", outcome="dismissed", reason="tone"),
            "ada: dismissed, tone",
        ),
        (TransferHandover(**COMMAND, to_queue="billing", note="an invoice"), "ada: billing, an invoice"),
        (SnoozeHandover(**COMMAND, until_ms=1_790_000_000_000), "ada: 2026-09-21 14:13:20+00:00"),
        (
            HandoverBreached(handover_id="h", clock="resolution", due_ms=0, queue="billing"),
            "resolution: billing, 1970-01-01 00:00:00+00:00",
        ),
        (
            HandoverRefused(**COMMAND, reason="already_claimed", owner_id="bo", detail="bo claimed it"),
            "ada: already_claimed, bo claimed it",
        ),
        (HandoverClaimed(**FACT, agent_id="bo", reason="transferred"), "ada, epoch 2 transferred: bo"),
        (HandoverReleased(**FACT, reason="transferred", team="tech"), "ada, epoch 2 transferred: tech"),
        (HandoverReturned(**FACT, promises=("a call", "a voucher")), "ada, epoch 2 a call; a voucher"),
    ],
)
def test_what_people_do_and_are_told_is_told_in_their_words(message: Message, said: str) -> None:
    [line] = timeline([LogEntry(1, 0, "id", message, 1)])
    assert line.what == said


@pytest.mark.parametrize("kind", ALL_MESSAGES)
def test_no_message_of_the_catalogue_is_silent(kind: type[Message]) -> None:
    sample = json.loads((FOLDER / f"{kind.route.type}.json").read_text())
    [line] = timeline([LogEntry(1, 0, "id", kind.model_validate(sample), 1)])
    assert line.what
