"""Do folds commute, ignore repeats and never raise?"""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.random_flows import random_history
from tests.support.simulated_log import KEY, TENANT, SimulatedLog

from contracts.conversations import AnnounceMessage, CloseConversation, MessageReceived, SendMessage, UnsendMessage
from contracts.envelope import Decision, LogEntry
from contracts.executions import StopExecution, TimerFired
from contracts.handovers import ApprovalDecided
from contracts.suggestions import RequestSuggestion
from orchestrator.domain.decide import decide
from orchestrator.domain.fold import fold, fold_all
from orchestrator.domain.state import Conversation, Result

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=60, deadline=None)
EMPTY = Conversation(TENANT, KEY)


def is_unfenced(entry: LogEntry) -> bool:
    """Whether the message may be stored by anybody at any time, with no regard to what is in the log."""
    people = (MessageReceived, SendMessage, UnsendMessage, AnnounceMessage, StopExecution, CloseConversation)
    workers = (RequestSuggestion, TimerFired, Result)
    return isinstance(entry.message, (*people, *workers)) and not isinstance(entry.message, ApprovalDecided)


def known(state: Conversation) -> dict[str, Any]:
    """What a state says, without the order in which it got to know it and without results that nobody asked for."""
    execution = state.execution
    asked = {*(execution.commands if execution is not None else ()), *(call.id for call in state.calls), *state.drafts}
    fields = {name: getattr(state, name) for name in Conversation.__dataclass_fields__}
    return fields | {
        "uncovered": set(state.uncovered),
        "refusals": set(state.refusals),
        "transcript": sorted(state.transcript, key=lambda line: line.sequence),
        "outcomes": {id: outcome for id, outcome in state.outcomes.items() if id in asked},
    }


def next_decision(log: SimulatedLog, state: Conversation) -> object:
    """What would be decided, without the order of the inputs."""
    decided = decide(state, log.circumstances).decision
    if decided is None:
        return None
    unordered = decided.message.based_on.model_copy(update={"inputs": ()})
    return decided.id, decided.message.model_copy(update={"based_on": unordered})


def folded(entries: list[LogEntry]) -> Conversation:
    state = EMPTY
    for entry in entries:
        state = fold(state, entry)
    return state


@FEW
@given(SEEDS)
def test_a_message_that_comes_twice_changes_nothing(seed: int) -> None:
    random, log = Random(seed), random_history(seed, steps=25)
    repeated: list[LogEntry] = []
    for entry in log.entries:
        repeated.append(entry)
        again = random.choice(repeated)
        repeated.append(replace(again, sequence=random.choice([again.sequence, entry.sequence])))

    assert folded(repeated) == log.state


@FEW
@given(SEEDS)
def test_unfenced_messages_between_two_decisions_may_come_in_any_order(seed: int) -> None:
    random, log = Random(seed), random_history(seed, steps=25)
    once = list({entry.id: entry for entry in reversed(log.entries)}.values())[::-1]
    shuffled: list[LogEntry] = []
    together: list[LogEntry] = []
    for entry in (*once, None):
        if entry is not None and is_unfenced(entry):
            together.append(entry)
            continue
        random.shuffle(together)
        shuffled += together
        together = []
        if entry is not None:
            shuffled.append(entry)
    state, in_order = folded(shuffled), folded(once)

    assert known(state) == known(in_order)
    assert next_decision(log, state) == next_decision(log, in_order)


@FEW
@given(SEEDS)
def test_unfenced_messages_may_come_before_decisions_that_did_not_know_them(seed: int) -> None:
    """On replicas an unfenced message may lie below a decision whose writer had not seen it (ARCHITECTURE 1)."""
    random, log = Random(seed), random_history(seed, steps=25)
    moved: list[LogEntry] = []
    for entry in log.entries:
        place = len(moved)
        while is_unfenced(entry) and place and isinstance(moved[place - 1].message, Decision) and random.random() < 0.5:
            if _answers(entry, moved[place - 1]):
                break
            place -= 1
        moved.insert(place, entry)
    state = folded(moved)

    assert known(state) == known(log.state)
    assert known(fold_all(EMPTY, moved)) == known(log.state)


def _answers(entry: LogEntry, decision: LogEntry) -> bool:
    """A result cannot lie below its own command."""
    return getattr(entry.message, "command_id", None) == decision.id


@FEW
@given(SEEDS)
def test_a_log_that_is_read_again_folds_to_the_same_state(seed: int) -> None:
    log = random_history(seed, steps=25)

    assert known(fold_all(EMPTY, log.entries)) == known(log.state)


@FEW
@given(SEEDS, st.randoms(use_true_random=False))
def test_no_order_and_no_gap_makes_a_fold_raise(seed: int, random: Random) -> None:
    log = random_history(seed, steps=25)
    entries = random.sample(log.entries, random.randint(0, len(log.entries)))

    assert folded(entries).messages == len({entry.id for entry in entries})
