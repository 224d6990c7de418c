"""Does the measurement of the semantic cache measure what it says, and does the shipped cache meet its bounds?"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.bench.cache import measure, own_questions
from hil.main import app


def test_nothing_that_is_asked_is_cached_word_for_word() -> None:
    cached, probes = own_questions()
    assert len({one.intent for one in cached + probes}) >= 60
    assert not {one.text.lower() for one in cached} & {one.text.lower() for one in probes}


@pytest.mark.parametrize("name", ["number", "name", "negation", "direction", "product"])
def test_the_shipped_guards_mix_up_no_pair(name: str) -> None:
    assert [row.mixed_up for row in measure(None).pairs if row.kind == name] == [0]


def test_the_shipped_threshold_gives_no_false_hit_and_sees_through_small_changes() -> None:
    figures = measure(None)
    shipped = {row.questions: row for row in figures.hits if (row.threshold, row.guards) == (figures.threshold, "yes")}
    assert [row.false_hits for row in shipped.values()] == [0, 0]
    assert shipped["small changes"].hits >= 0.5 * shipped["small changes"].probes


def test_banking77_is_measured_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,category\nHow do I get a card?,card\nWhere is the shop?,shop\n")
    (tmp_path / "test.csv").write_text("text,category\nhow do i get a card,card\n")
    output = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["bench", "cache", "--banking77", str(tmp_path), "--json", str(output)])
    assert result.exit_code == 0, result.output
    rows = [row for row in json.loads(output.read_text())["hits"] if row["questions"] == "banking77"]
    assert {(row["cached"], row["probes"], row["hits"], row["false_hits"]) for row in rows} == {(2, 1, 1, 0)}


def test_a_folder_without_banking77_is_refused(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["bench", "cache", "--banking77", str(tmp_path)]).exit_code != 0
