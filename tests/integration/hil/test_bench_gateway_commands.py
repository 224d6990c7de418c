"""`hil bench gateway` in small: what does it write, and what does it refuse?"""

import json
from pathlib import Path

import pytest

from tests.integration.hil.test_workflow_command import hil


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_every_row_has_its_figures_and_no_errors(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    run = await hil(
        None, "bench", "gateway", "--seconds", "0.3", "--concurrency", "1,4", "--rounds", "2", "--json", str(file)
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(file.read_text())
    names = ("direct", "passthrough", "gateway", "gateway_without_pii")
    assert [(row["name"], row["concurrency"]) for row in figures["rows"]] == [
        (name, n) for name in names for n in (1, 4)
    ]
    for row in figures["rows"]:
        assert row["rps"] > 0 and 0 < row["p50_ms"] <= row["p99_ms"] and row["errors"] == 0
    assert figures["pii_scan_us"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gateway", "--concurrency", "1,x"), "must be whole numbers separated by commas"),
        (("gateway", "--concurrency", "0"), "each must be from 1 to 1000"),
        (("gateway", "--json", "nowhere/figures.json"), "the folder nowhere does not exist"),
        (("budget", "--json", "nowhere/figures.json"), "the folder nowhere does not exist"),
        (("budget", "--form", "endless"), "use one of short, full"),
    ],
)
async def test_wrong_input_is_refused_before_anything_starts(arguments: tuple[str, ...], said: str) -> None:
    run = await hil(None, "bench", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
