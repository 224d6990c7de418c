"""Do the page's pure modules hold, and is what it ships whole, licensed and unchanged?"""

import hashlib
import re
import subprocess
from pathlib import Path

from hil_inbox.page.routes import IMPORTS, KINDS, STATIC, static_files

TESTS = Path(__file__).parent / "page"
VENDOR = STATIC / "vendor"


def test_the_pure_modules_pass_their_own_tests() -> None:
    files = sorted(map(str, TESTS.glob("*.test.mjs")))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_vendored_modules_are_as_they_were_taken_and_have_their_licence() -> None:
    known = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in VENDOR.glob("*.js")}
    assert files == known
    assert {f"/static/vendor/{name}" for name in files} == set(IMPORTS.values())
    licences = {file.stem for file in (VENDOR / "licences").glob("*.txt")}
    assert licences == {"preact", "preact-signals", "preact-signals-core", "htm", "tinykeys"}


def test_every_module_is_small_says_what_it_answers_and_makes_no_markup_of_text() -> None:
    for file in STATIC.glob("*.js"):
        text = file.read_text()
        assert len(text.splitlines()) <= 200 or file.name.startswith("texts"), file.name
        assert text.startswith("// "), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|dangerously", text), (
            file.name
        )


def test_the_shell_asks_ahead_for_just_what_the_scripts_ask_for() -> None:
    [rows] = re.findall(r"FIRST_ROWS = (\d+)", (STATIC / "api.js").read_text())
    [states] = re.findall(r"LIVE_STATES = \[(.*)\]", (STATIC / "load.js").read_text())
    query = "&amp;".join([*(f"state={state}" for state in re.findall(r"\w+", states)), f"limit={rows}"])
    assert f'href="/v1/queue?{query}"' in (STATIC.parent / "templates" / "inbox.html").read_text()


def test_every_text_that_is_asked_for_is_in_the_catalogue_and_every_text_is_asked_for() -> None:
    catalogue = "".join((STATIC / name).read_text() for name in ("texts.en.js", "texts_words.en.js"))
    known = set(re.findall(r'"([a-z_]+(?:\.[\w.-]*)?)":', catalogue))
    modules = "".join(file.read_text() for file in STATIC.glob("*.js") if not file.name.startswith("texts"))
    assert set(re.findall(r'\bt\("([^"]+)"', modules)) - known == set()
    families = set(re.findall(r"\bt\(`([\w.]+)\.\$\{", modules)) | set(re.findall(r'\bword\("(\w+)"', modules))
    literal = {key for key in known if f'"{key}"' in modules or any(key.startswith(f"{one}.") for one in families)}
    assert sorted(key for key in known - literal if not key.startswith(("done.", "feed.", "key."))) == []


def test_everything_that_the_page_loads_is_served_with_its_type() -> None:
    assert {Path(name).suffix for name in static_files()} <= set(KINDS)
    for kind in ("app.js", "style.css", "favicon.svg", "vendor/preact.js", "vendor/licences/preact.txt"):
        assert static_files()[kind].etag.startswith('"')
