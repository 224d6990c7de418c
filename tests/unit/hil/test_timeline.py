"""Does the timeline say in words what happens to a cap?"""

import pytest

from contracts.budgets import BudgetExhausted, BudgetRaised, RaiseBudget
from contracts.envelope import BasedOn, LogEntry, Message
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
