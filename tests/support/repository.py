"""What did a file of this repository say before?"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*arguments: str) -> str | None:
    """Output of git, or None where this is no clone."""
    command = ["git", "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def former_texts(folder: str) -> dict[str, list[str]]:
    """Every committed version of every file below `folder`, by path; empty outside a clone."""
    log = git("log", "--raw", "--no-abbrev", "--no-renames", "--format=", "--", folder) or ""
    found: dict[str, list[str]] = {}
    for line in log.splitlines():
        marks, _, path = line.partition("\t")
        blob = marks.split()[3]
        if blob.strip("0"):
            text = git("cat-file", "blob", blob)
            assert text is not None, f"{path} {blob}"
            found.setdefault(path, []).append(text)
    return found


def changed_or_deleted(folder: str) -> set[str]:
    """Files below `folder` that were edited or deleted, in a commit or since."""
    committed = git("log", "--diff-filter=MD", "--name-only", "--no-renames", "--format=", "--", folder) or ""
    since = git("diff", "--diff-filter=MD", "--name-only", "--no-renames", "HEAD", "--", folder) or ""
    return {line for line in (committed + since).splitlines() if line}
