"""Do the page's pure modules hold, and is what it ships whole, licensed and unchanged?"""

import hashlib
import re
import subprocess
from pathlib import Path

from analytics.page.routes import IMPORTS, KINDS, POLICY, STATIC, static_files

TESTS = Path(__file__).parent / "page"
VENDOR = STATIC / "vendor"
CATALOGUE = ("texts.en.js", "texts_words.en.js")


def test_the_pure_modules_pass_their_own_tests() -> None:
    files = sorted(map(str, TESTS.glob("*.test.mjs")))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_vendored_files_are_as_they_were_taken_and_have_their_licence() -> None:
    known = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    taken = [file for file in VENDOR.iterdir() if file.suffix in (".js", ".css")]
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in taken} == known
    assert {f"/static/vendor/{name}" for name in known} - set(IMPORTS.values()) == {
        "/static/vendor/uplot.js",
        "/static/vendor/uplot.css",
    }
    licences = {file.stem for file in (VENDOR / "licences").glob("*.txt")}
    assert licences == {"preact", "preact-signals", "preact-signals-core", "htm", "uplot"}


def test_every_module_is_small_says_what_it_answers_and_makes_no_markup_of_text() -> None:
    for file in STATIC.glob("*.js"):
        text = file.read_text()
        assert len(text.splitlines()) <= 200 or file.name in CATALOGUE, file.name
        assert text.startswith("// "), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|dangerously", text), (
            file.name
        )


def test_every_text_that_is_asked_for_is_in_the_catalogue_and_every_text_is_asked_for() -> None:
    catalogue = "".join((STATIC / name).read_text() for name in CATALOGUE)
    known = set(re.findall(r'"([a-z_]+(?:\.[\w.-]*)?)":', catalogue))
    modules = "".join(file.read_text() for file in STATIC.glob("*.js") if file.name not in CATALOGUE)
    assert set(re.findall(r'\bt\("([^"]+)"', modules)) - known == set()
    families = set(re.findall(r"\bt\(`([\w.]+)\.\$\{", modules)) | set(re.findall(r'\bword\("(\w+)"', modules))
    asked = {key for key in known if f'"{key}"' in modules or any(key.startswith(f"{one}.") for one in families)}
    assert sorted(known - asked) == []


def test_every_icon_that_is_asked_for_is_drawn() -> None:
    drawn = set(re.findall(r'id="icon-(\w+)"', (STATIC.parent / "templates" / "icons.svg").read_text()))
    modules = "".join(file.read_text() for file in STATIC.glob("*.js"))
    asked = {name for one in re.findall(r"\bicon\(([^)]*)\)", modules) for name in re.findall(r'"(\w+)"', one)}
    assert asked - drawn - {"good", "flat"} == set()


def test_everything_that_the_page_loads_is_served_with_its_type() -> None:
    assert {Path(name).suffix for name in static_files()} <= set(KINDS)
    for kind in ("app.js", "style.css", "favicon.svg", "vendor/uplot.js", "vendor/licences/uplot.txt"):
        assert static_files()[kind].etag.startswith('"')


def test_the_policy_lets_no_script_run_but_the_page_s_own() -> None:
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "frame-ancestors 'none'" in POLICY
