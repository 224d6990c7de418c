"""Rows of lists and files, and what a spreadsheet makes of them."""

import csv
import io

import pytest
from tests.support.handovers import ended

from analytics.domain.cells import Cell, Subject
from analytics.domain.csv_text import csv_line
from analytics.domain.execution import ending_of
from analytics.domain.listed_rows import (
    CONVERSATION_COLUMNS,
    EXECUTION_COLUMNS,
    conversation_row,
    execution_row,
    found_by,
)
from analytics.domain.rollup import Rollup


def conversation(counts: dict[str, int], moments: dict[str, int]) -> Rollup:
    return Rollup(Cell(Subject("acme", "conversations", key="c1"), "all", 0), counts=counts, moments=moments)


def test_a_conversation_is_found_by_its_begin_its_workflow_and_how_it_ended() -> None:
    counts = {"workflows.a": 1, "workflows.b": 2, "workflows.c": 2, "successes": 1, "executions": 5}
    found = found_by(conversation(counts, {"served.a/1": 1, "first.customer": 20, "first.ai": 30}))
    assert found == {"began_ms": 20, "workflow": "b", "handed_over": False, "resolution": "ai"}
    moments = {"opened.customer_request.h1": 5, "owned.1.ana": 9, "free.2": 12, "ended.returned.h1": 12}
    found = found_by(conversation({"handovers": 1, "successes": 1}, moments))
    assert found == {"began_ms": 5, "workflow": None, "handed_over": True, "resolution": "returned"}
    assert found_by(conversation({}, {}))["began_ms"] is None


def test_a_row_of_a_conversation_has_its_columns_in_their_order() -> None:
    moments = {"opened.timeout.h1": 5, "owned.1.ana": 9, "free.2": 12, "ended.resolved.h1": 12, "rated.4": 13}
    row = conversation_row(conversation({"handovers": 1, "messages.customer": 3, "messages.ai": 2}, moments))
    assert tuple(row) == CONVERSATION_COLUMNS
    assert (row["first_wait_ms"], row["handle_ms"], row["rating"], row["messages_customer"]) == (4, 3, 4, 3)
    waiting = conversation_row(conversation({"handovers": 1}, {"opened.timeout.h1": 5}))
    assert (waiting["first_wait_ms"], waiting["resolution"]) == (None, None)


def test_a_row_of_an_execution_has_its_columns_in_their_order_and_nothing_else() -> None:
    row = execution_row({"tenant": "acme", "key": "c1", "nodes": [{}], "success": True})
    assert tuple(row) == EXECUTION_COLUMNS
    assert (row["tenant"], row["success"], row["workflow"]) == ("acme", True, None)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({}, "finished"),
        ({"sink": "HANDOVER"}, "handed_over"),
        ({"sink": "HANDOVER", "success": False}, "failed"),
        ({"default_response": True}, "failed"),
    ],
)
def test_how_it_ended_is_what_the_specification_says(fields: dict[str, object], end: str) -> None:
    assert ending_of(ended(**fields)) == end


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")'])
def test_a_text_is_no_formula_to_a_spreadsheet(text: str) -> None:
    [[cell]] = csv.reader(io.StringIO(csv_line([text]), newline=""))
    assert cell == f"'{text}"


def test_a_line_of_csv_reads_back_as_it_was() -> None:
    cells = ["a,b", 'say "hi"', "two\r\nlines", " spaces ", "", "plain", "Zoë"]
    assert next(csv.reader(io.StringIO(csv_line(cells), newline=""))) == cells
    assert csv_line([None, True, False, -3, 1.5]) == ",true,false,-3,1.5\r\n"
