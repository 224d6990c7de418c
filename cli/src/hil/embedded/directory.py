"""How is a data directory kept to one running system at a time?"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.embedded.errors import DirectoryInUse, EmbeddedError

_LOCK_NAME = "hil.lock"


@contextmanager
def own_directory(data_dir: Path) -> Iterator[Path]:
    """Create the directory and hold it; raises DirectoryInUse when another living process holds it.

    The kernel's lock decides, the pid in the file is for people: a lock left by a killed owner is free at once,
    and a pid that was given to another program since cannot block anybody.
    """
    data_dir = data_dir.absolute()
    lock_file = data_dir / _LOCK_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedError(f"cannot use {data_dir} as data directory: {error.strerror}") from error
    try:
        _lock(descriptor, lock_file)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield data_dir
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, lock_file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = lock_file.read_text().strip() or "unknown"
        raise DirectoryInUse(lock_file.parent, owner) from None
