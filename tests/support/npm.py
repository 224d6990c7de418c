"""Where are the npm packages of a lock file? Installed once for each lock file, outside the sources."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".run" / "npm"


def installed(folder: Path) -> Path:
    """A folder with the files of `folder` and its `node_modules`, exactly as locked."""
    lock = (folder / "package-lock.json").read_bytes()
    target = CACHE / f"{folder.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (target / "node_modules").is_dir():
        _install(folder, target)
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy2(file, target / file.name)
    return target


def _install(folder: Path, target: Path) -> None:
    """Beside the target first, so that a cut installation is never taken for a whole one."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(folder / name, draft / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"npm ci failed in {draft}: {done.stderr[-2000:]}"
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
