"""What can a process no longer do once it has shut itself in?"""

import resource
import signal

OVERHEAD_MB = 1_536
"""Address space of Python and DuckDB beside what DuckDB's own limit counts."""


def shut_in(*, seconds: float, memory_mb: int) -> None:
    """No way back: after `seconds` by the clock or by the processor the process is killed; no file or socket can be
    opened beside those that are open, no file grows, and no more memory is to be had."""
    space = (memory_mb + OVERHEAD_MB) * 1024 * 1024
    for kind, limit in (
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
