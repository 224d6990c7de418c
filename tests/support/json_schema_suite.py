"""Where is the official test suite of JSON Schema? In the source package of `jsonschema`, kept outside the sources.

It is a submodule of many packages and published in few: of its npm packages one is ten years old, and the other
fetches it from elsewhere."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

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
        _fetch(version, digest, target)
    return target / f"jsonschema-{version}" / "json"


def _fetch(version: str, digest: str, target: Path) -> None:
    """Beside the target first, so that a cut installation is never taken for a whole one."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "jsonschema", "--dest", str(draft), f"jsonschema=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, f"pip download failed: {done.stderr[-2000:]}"
    (package,) = draft.glob("*.tar.gz")
    assert hashlib.sha256(package.read_bytes()).hexdigest() == digest, f"{package.name} is not the locked one"
    with tarfile.open(package) as packed:
        packed.extractall(draft, filter="data")
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
