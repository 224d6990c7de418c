"""What does the end of an execution tell the business: outcome, metadata, and whether people were asked?"""

from typing import Any

from tests.support.flows import HANDOVER, finish, flow, simple
from tests.support.simulated_log import SimulatedLog

from contracts.executions import ExecutionFinished

ORDER = {"type": "object", "properties": {"reply": {"type": "string"}, "total": {}, "note": {}}}


def end_of(answer: dict[str, Any], **of_sink: Any) -> ExecutionFinished:
    """The end of a conversation's turn whose FINISH sink declares these."""
    log = SimulatedLog(flow(simple(output_schema=ORDER), {**finish("answer.output.reply"), **of_sink}, HANDOVER))
    log.say("hi")
    log.produce(answer)
    return [entry.message for entry in log.entries if isinstance(entry.message, ExecutionFinished)][-1]


def test_a_sale_tells_its_order_value_as_the_node_found_it() -> None:
    metadata = {"order_value": "{{ answer.output.total }}", "currency": "EUR", "gift": False}
    found = end_of({"reply": "sold", "total": 129.9}, outcome="sale_completed", metadata=metadata)
    assert (found.sink, found.outcome) == ("FINISH", "sale_completed")
    assert found.metadata == {"order_value": 129.9, "currency": "EUR", "gift": False}


def test_what_is_missing_large_or_long_is_left_out() -> None:
    metadata = {"order_value": "{{ answer.output.total }}", "note": "{{ answer.output.note }}", "all": "{{ answer }}"}
    found = end_of({"reply": "sold", "note": "x" * 257}, outcome="sale_completed", metadata=metadata)
    assert found.metadata == {}


def test_without_an_outcome_nothing_is_told() -> None:
    found = end_of({"reply": "well"})
    assert (found.outcome, found.metadata, found.people_asked) == (None, {}, 0)


def test_who_asked_people_says_how_often() -> None:
    ask = {"id": "ask", "type": "human", "ask": "May I?"}
    log = SimulatedLog(flow(ask, finish(None)))
    log.say("hi")
    log.verdict("approve")
    [end] = [entry.message for entry in log.entries if isinstance(entry.message, ExecutionFinished)]
    assert (end.sink, end.people_asked) == ("FINISH", 1)
