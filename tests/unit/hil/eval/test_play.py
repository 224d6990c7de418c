"""When is a conversation that cannot be said to its end a failure?"""

from unittest.mock import Mock

import pytest
from tests.support.handovers import BASED, ended, opened

from contracts.conversations import TurnRefused
from hil.eval.play import Play
from hil.turns import Turn, TurnOutcome

FINISHED = TurnOutcome(finished=ended())
HANDED_OVER = TurnOutcome(finished=ended(sink="HANDOVER", reason="policy"), handover=opened("h1"))
REFUSED = TurnOutcome(refused=TurnRefused(turn_id="2", input_id="i", reason="flood", based_on=BASED))


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([FINISHED, FINISHED], []),
        ([FINISHED, HANDED_OVER], []),
        ([HANDED_OVER], ["1 messages could not be said: a person has the conversation"]),
        ([FINISHED, REFUSED], ["message 2 was refused: flood"]),
        ([TurnOutcome()], ["message 1 had no outcome in time"]),
    ],
)
async def test_all_must_be_said_and_none_refused(
    outcomes: list[TurnOutcome], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(outcomes)

    async def answered(self: Play, turn: Turn) -> TurnOutcome:
        return next(left)

    monkeypatch.setattr(Play, "_answered", answered)
    workflow = Mock()
    workflow.name = "support"
    play = Play(Mock(), workflow, "m", None, None, lambda case, trial: None)
    failures = await play._converse(["one", "two"], "key")
    assert [one.detail for one in failures] == said
