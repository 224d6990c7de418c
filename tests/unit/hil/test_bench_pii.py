"""Does `hil bench pii` print and write what a reader needs to judge the search for personal data?"""

import json
from pathlib import Path

from typer.testing import CliRunner

from hil.main import app


def test_cost_and_quality_are_written_to_the_file(tmp_path: Path) -> None:
    output = tmp_path / "pii.json"
    ended = CliRunner().invoke(app, ["bench", "pii", "--json", str(output)])
    assert ended.exit_code == 0, ended.output
    figures = json.loads(output.read_text())
    assert [row["name"] for row in figures["rows"]] == ["with personal data", "without", "numbers of a shop"]
    assert all(row["again_ms_per_kb"] < row["ms_per_kb"] < 5 for row in figures["rows"][::2])
    assert set(figures["kinds"]) == {"email", "phone", "card", "ssn", "iban", "ip"}
    assert min(kind["recall"] for kind in figures["kinds"].values()) >= 0.85
    assert figures["false_share_of_look_alikes"] <= 0.02


def test_a_folder_that_is_not_there_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["bench", "pii", "--json", str(tmp_path / "none" / "x.json")])
    assert ended.exit_code != 0
