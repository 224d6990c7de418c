"""Do the commands of the README do what it says, one after the other?"""

import re
import sys
from pathlib import Path

import pytest
from tests.support.programs import run_program

from hil.embedded.plan import OneProcessEach, ReplayModel, StackPlan
from hil.embedded.stack import running_stack

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", "docs/**/*.md", "services/*/README.md", "libs/*/README.md", "contracts/README.md", "examples/*.md")
DOCUMENTS = sorted(str(file.relative_to(ROOT)) for pattern in PATTERNS for file in ROOT.glob(pattern))
BLOCK = re.compile(r"<!-- tested: (run|shows|file [\w.]+) -->\n```\w+\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """What each marked block is, and its text, in the order of the README."""
    return [(found[1], found[2]) for found in BLOCK.finditer((ROOT / "README.md").read_text())]


def test_the_readme_has_a_file_commands_and_what_they_show() -> None:
    kinds = [kind.split()[0] for kind, _ in blocks()]
    assert kinds == ["file", "run", "run", "shows", "run", "shows"]


@pytest.mark.slow
async def test_the_five_minutes_work_as_written(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = {"HIL_DATA_DIR": str(data_dir), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    plan = StackPlan(data_dir, layout=OneProcessEach(), model=ReplayModel())
    async with running_stack(plan, lambda _: None):
        shown = ""
        for kind, text in blocks():
            if kind.startswith("file "):
                (tmp_path / kind.removeprefix("file ")).write_text(text)
            elif kind == "run":
                ended = await run_program("bash", "-euc", text, cwd=tmp_path, environment=environment)
                assert ended.status == 0, f"{text}{ended.out}{ended.err}"
                shown = ended.out
            else:
                assert text.strip() in shown


def test_the_commands_outside_the_five_minutes_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test", "up", "help", "check"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_make_up_uses_the_directory_in_which_hil_looks() -> None:
    assert "DATA_DIR ?= .run\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("file", DOCUMENTS)
def test_links_lead_somewhere(file: str) -> None:
    document = ROOT / file
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []
