"""Does every row of the tables of attempts name a test that exists, and every test of an attempt stand there?"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = [("docs/security-inbox.md", "hil_inbox", 25), ("docs/security-analytics.md", "analytics", 17)]
each_table = pytest.mark.parametrize(("page", "folder", "rows_min"), TABLES)


@each_table
def test_each_attempt_in_the_table_has_its_test(page: str, folder: str, rows_min: int) -> None:
    text = (ROOT / page).read_text()
    rows = [line for line in text.partition("## What was tried")[2].partition("\n## ")[0].splitlines() if "| `" in line]
    sources = "".join(file.read_text() for file in (ROOT / "tests/integration" / folder).glob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", sources))
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert len(rows) >= rows_min
    assert named - there == set()


@each_table
def test_each_test_of_an_attempt_stands_in_the_table(page: str, folder: str, rows_min: int) -> None:
    text = (ROOT / page).read_text()
    sources = "".join(file.read_text() for file in (ROOT / "tests/integration" / folder).glob("test_security*.py"))
    assert [name for name in re.findall(r"def (test_\w+)\(", sources) if f"`{name}`" not in text] == []
