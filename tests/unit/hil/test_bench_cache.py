"""Does the measurement of the semantic cache measure what it says, and does the shipped cache meet its bounds?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hil.bench.cache import CacheFigures, interval, measure
from hil.bench.cache_sets import own_questions, small_changes
from hil.main import app
from llm_gateway.adapters.embedder import Vectors


@pytest.fixture(scope="module")
def figures() -> CacheFigures:
    return measure()


def blind(texts: Sequence[str]) -> Vectors:
    return np.ones((len(texts), 1), dtype=np.float32)


def test_nothing_that_is_asked_is_cached_word_for_word() -> None:
    own = own_questions()
    assert len({one.intent for one in own.cached + own.probes}) >= 60
    assert not {one.text.lower() for one in own.cached} & {one.text.lower() for one in own.probes}


def test_the_half_that_a_threshold_is_chosen_on_shares_nothing_with_the_half_that_is_reported() -> None:
    own, changed = own_questions().halves(), small_changes().halves()
    chosen_on = {one.intent for half in (own[0], changed[0]) for one in half.cached + half.probes}
    reported = {one.intent for half in (own[1], changed[1]) for one in half.cached + half.probes}
    assert not chosen_on & reported
    assert len(chosen_on | reported) >= 60


@pytest.mark.parametrize("name", ["number", "name", "negation", "direction", "product", "new"])
def test_the_shipped_guards_mix_up_no_pair(figures: CacheFigures, name: str) -> None:
    assert [row.mixed_up for row in figures.pairs if row.kind == name] == [0]


def test_the_shipped_threshold_gives_no_false_hit_and_sees_through_small_changes(figures: CacheFigures) -> None:
    rows = [row for row in figures.hits if (row.threshold, row.guards) == (figures.threshold, "yes")]
    shipped = {row.questions: row.counted for row in rows}
    assert [row.false_hits for row in shipped.values()] == [0, 0]
    assert shipped["small changes"].hits >= 0.5 * shipped["small changes"].probes


def test_it_is_told_how_much_the_guards_would_let_the_best_embeddings_answer(figures: CacheFigures) -> None:
    assert 0 < figures.allowed < figures.known == 208


def test_other_embeddings_are_measured_beside_the_shipped_ones() -> None:
    figures = measure(others={"blind": blind})
    rows = {(row.questions, row.threshold, row.guards): row for row in figures.hits if row.embedder == "blind"}
    everything = rows["paraphrases", 0.95, "no"].counted
    assert everything.hits == everything.probes == 288
    assert everything.false_hits > 250
    assert {row.embedder for row in figures.chosen} == {"blind", figures.embedder}
    assert [row.mixed_up for row in figures.pairs if (row.embedder, row.kind) == ("blind", "number")] == [0]


@pytest.mark.parametrize(
    ("count", "of", "low", "high"), [(0, 169, 0, 0.0222), (10, 32, 0.180, 0.486), (5, 5, 0.566, 1)]
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    assert interval(count, of) == pytest.approx((low, high), abs=0.001)


def test_banking77_is_measured_where_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,category\nHow do I get a card?,card\nWhere is the shop?,shop\n")
    (tmp_path / "test.csv").write_text("text,category\nhow do i get a card,card\n")
    output = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["bench", "cache", "--banking77", str(tmp_path), "--json", str(output)])
    assert result.exit_code == 0, result.output
    rows = [row["counted"] for row in json.loads(output.read_text())["hits"] if row["questions"] == "banking77"]
    assert {(row["probes"], row["hits"], row["false_hits"]) for row in rows} == {(1, 1, 0)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--banking77", "."], "train.csv and test.csv"),
        (["--model", "text-embedding-3-small"], "is not URL#MODEL"),
        (["--minilm", sys.executable], "made no vectors"),
        (["--model", "http://127.0.0.1:9/v1#x"], "--model"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["bench", "cache", *options])
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)
