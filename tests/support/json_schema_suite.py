"""Where is the official test suite of JSON Schema? In the source package of `jsonschema`, kept outside the sources.

It is a submodule of many packages and published in few: of its npm packages one is ten years old, and the other
fetches it from elsewhere."""

import hashlib
import subprocess
import sys
import tarfile
import tomllib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".run" / "json_schema_suite"


def suite_folder() -> Path:
    """A folder with `tests` and `remotes`."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    locked = next(one for one in lock["package"] if one["name"] == "jsonschema")
    version: str = locked["version"]
    digest: str = locked["sdist"]["hash"].removeprefix("sha256:")
    target = CACHE / digest[:12]
    if not target.is_dir():
        problem = _fetch(version, digest, target)
        assert not problem, f"the official suite of JSON Schema is not in {CACHE.relative_to(ROOT)}, and {problem}"
    return target / f"jsonschema-{version}" / "json"


@cache
def _fetch(version: str, digest: str, target: Path) -> str:
    """What went wrong, nothing if it is there now: an index that is away is waited for once, not by every test."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "jsonschema", "--timeout", "15", "--retries", "2", f"jsonschema=={version}"]
    with TemporaryDirectory(dir=CACHE) as draft:  # So that a cut installation is never taken for a whole one.
        done = subprocess.run([*command, "--dest", draft], capture_output=True, text=True, timeout=150, check=False)
        if done.returncode != 0:
            return f"pip cannot fetch it; run this once where an index of packages is reached: {done.stderr[-2000:]}"
        (package,) = Path(draft).glob("*.tar.gz")
        if hashlib.sha256(package.read_bytes()).hexdigest() != digest:
            return f"{package.name} of the index is not the one in uv.lock"
        with tarfile.open(package) as packed:
            packed.extractall(Path(draft) / "whole", filter="data")
        if not target.is_dir():  # Another process was faster.
            (Path(draft) / "whole").rename(target)
    return ""
