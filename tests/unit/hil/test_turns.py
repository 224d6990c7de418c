"""What a client application reads in the log of its turn."""

from contracts.conversations import MessageReceived, MessageSent, TurnRefused
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverPacket, OpenHandover
from hil.turns import Turn, outcome_of

DECIDED = BasedOn(now_ms=1, fence=0)
TURN = Turn("acme", "c1", MessageReceived(turn_id="1", text="hello"))
OTHER_TEXT = Turn("acme", "c1", MessageReceived(turn_id="1", text="other"))
ANSWER = MessageSent(based_on=DECIDED, message_id="m", turn_id="1", text="hi")
OPEN = OpenHandover(
    based_on=DECIDED, handover_id="h", turn_id="1", reason="policy", packet=HandoverPacket(reason="policy")
)


def finished(sink: str, turn_id: str = "1") -> ExecutionFinished:
    fields = {"success": True, "mode": "conversation", "workflow": "w", "version": "1", "started_ms": 0}
    return ExecutionFinished.model_validate(
        {**fields, "based_on": DECIDED, "sink": sink, "turn_id": turn_id, "finished_ms": 1}
    )


def log(*messages: Message, first_id: str = TURN.id) -> list[LogEntry]:
    ids = [first_id, *(str(n) for n in range(2, len(messages) + 1))]
    return [LogEntry(n, n, ids[n - 1], message, 1) for n, message in enumerate(messages, start=1)]


def test_a_turn_is_over_when_it_finished_and_its_messages_are_its_own() -> None:
    other = ANSWER.model_copy(update={"turn_id": "2"})
    outcome = outcome_of(log(TURN.message, ANSWER, other, finished("FINISH")), TURN)
    assert outcome.is_over
    assert outcome.messages == (ANSWER,)


def test_a_turn_is_not_over_before_its_own_end() -> None:
    assert not outcome_of(log(TURN.message, ANSWER), TURN).is_over
    assert not outcome_of(log(TURN.message, finished("FINISH", "2")), TURN).is_over
    assert not outcome_of([], TURN).is_over


def test_a_handover_needs_both_its_packet_and_the_end_in_any_order() -> None:
    assert not outcome_of(log(TURN.message, finished("HANDOVER")), TURN).is_over
    assert not outcome_of(log(TURN.message, OPEN), TURN).is_over
    assert outcome_of(log(TURN.message, OPEN, finished("HANDOVER")), TURN).is_over
    assert outcome_of(log(TURN.message, finished("HANDOVER"), OPEN), TURN).handover == OPEN


def test_the_same_turn_with_another_text_waits_for_its_own_refusal() -> None:
    answered = log(TURN.message, ANSWER, finished("FINISH"), OTHER_TEXT.message)
    assert not outcome_of(answered, OTHER_TEXT).is_over
    refusal = TurnRefused(based_on=DECIDED, turn_id="1", input_id=OTHER_TEXT.id, reason="text_conflict")
    outcome = outcome_of([*answered, LogEntry(5, 5, "5", refusal, 1)], OTHER_TEXT)
    assert outcome.refused == refusal
    assert outcome.messages == ()
