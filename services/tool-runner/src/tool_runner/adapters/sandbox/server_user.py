"""As whom does a boxed tool server run where the tool runner is root?"""

import os
from pathlib import Path

from tool_runner.domain.sandbox import SandboxUnavailable

_NEEDED = {"CHOWN": 0, "SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21}
"""Capabilities by name, with their numbers."""


def user_for_server(server: str, uid: int) -> int | None:
    """`uid` where the tool runner is root, else None: it stays who it is. Raises SandboxUnavailable where root lacks
    what it takes to become somebody else."""
    if os.geteuid() != 0:
        return None
    if lacking := lacking_rights(Path("/proc/self/status").read_text()):
        raise SandboxUnavailable(
            f"servers.{server}.sandbox: root gives the server a user of its own and lacks {', '.join(lacking)} for it; "
            "give the tool runner these capabilities, or run it as another user"
        )
    return uid


def lacking_rights(status: str) -> list[str]:
    """Of a process, from its `status` under /proc."""
    held = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    return [name for name, number in _NEEDED.items() if not held >> number & 1]


def give_folder(folder: Path, uid: int) -> None:
    """With all that is in it; links are given, not followed. The folder itself comes last: what was cut is done again.
    Raises SandboxUnavailable."""
    if folder.stat().st_uid == uid:
        return
    try:
        for _, folders, files, where in os.fwalk(folder):
            for name in (*folders, *files):
                os.chown(name, uid, uid, dir_fd=where, follow_symlinks=False)
        os.chown(folder, uid, uid)
    except OSError as error:
        raise SandboxUnavailable(
            f"{folder} cannot be given to user {uid} ({error}); TOOL_RUNNER_SANDBOX_UID_FIRST is the first of the "
            "users that boxes have: set it to ids that exist here"
        ) from error
