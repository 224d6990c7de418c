"""What does a process of its own say, that shuts itself in as the worker of `hil analytics sql` does?"""

import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hil.analytics_sql.limits import SqlQuestion
from hil.analytics_sql.shut_in import shut_in
from hil.analytics_sql.worker import answered

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.sql_child"])


def told(target: Callable[..., None], *arguments: object) -> Any:
    """What it says, or its exit code where it says nothing."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        process.join(10)
        return process.exitcode
    finally:
        process.join(10)


def answer_in_child(pipe: Connection, question: SqlQuestion) -> None:
    """The worker's answer."""
    pipe.send(answered(question))


def tries(pipe: Connection, file: Path) -> None:
    """Should DuckDB's settings have a hole: what does the process itself still get?"""
    held = file.open("ab")
    shut_in(seconds=20, memory_mb=64)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    attempts: dict[str, Callable[[], object]] = {
        "open": lambda: file.open("rb"),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "write": lambda: (held.write(b"x"), held.flush()),
        "memory": lambda: bytearray(3 << 30),
    }
    if os.getuid() != 0:  # A process of root may raise its limits; whoever is root may do everything anyway.
        attempts["more"] = lambda: resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
    got = []
    for name, act in attempts.items():
        try:
            act()
            got.append(name)
        except (OSError, MemoryError, ValueError):
            continue
    pipe.send(got)


def sleeps(pipe: Connection) -> None:
    """For longer than it may."""
    shut_in(seconds=0.2, memory_mb=64)
    time.sleep(30)
    pipe.send("awake")
