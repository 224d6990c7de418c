"""Do the examples stand on their own, with what is public?"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_examples_import_nothing_of_ours() -> None:
    ours = ("contracts", "service_kit", "hil", "orchestrator")
    for file in (ROOT / "examples").rglob("*.py"):
        imported = [line.split()[1] for line in file.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not {name.partition(".")[0] for name in imported} & set(ours), file


def test_lock_files_name_no_registry() -> None:
    for file in (*ROOT.glob("examples/*/package-lock.json"), *ROOT.glob("tests/support/*/package-lock.json")):
        assert '"resolved"' not in file.read_text()


def test_the_python_lock_file_names_the_public_index_alone() -> None:
    text = (ROOT / "uv.lock").read_text()
    hosts = set(re.findall(r'https?://([^/"]+)', text))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
