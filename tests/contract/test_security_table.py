"""Does every row of docs/security-inbox.md name a test that exists?"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_attempt_in_the_table_has_its_test() -> None:
    text = (ROOT / "docs/security-inbox.md").read_text()
    rows = [line for line in text.partition("## What was tried")[2].partition("\n## ")[0].splitlines() if "| `" in line]
    sources = "".join(file.read_text() for file in (ROOT / "tests/integration/hil_inbox").glob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", sources))
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert len(rows) >= 25
    assert named - there == set()


def test_each_test_of_an_attempt_stands_in_the_table() -> None:
    text = (ROOT / "docs/security-inbox.md").read_text()
    sources = "".join(file.read_text() for file in (ROOT / "tests/integration/hil_inbox").glob("test_security*.py"))
    assert [name for name in re.findall(r"def (test_\w+)\(", sources) if f"`{name}`" not in text] == []
