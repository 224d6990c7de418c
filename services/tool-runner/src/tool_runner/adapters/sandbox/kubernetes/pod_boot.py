"""How does code start in its pod, and how do its output and its report become the one line that the pod logs?

Runs as the pod's first process, with the standard library alone, beside boot.py, which it starts. The code has the same
user and may forge all of it: pod_log.py reads the line as the word of code that nobody trusts."""

import base64
import json
import marshal
import os
import selectors
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

FOLDER = "/job"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box", "LANG": "C.UTF-8"}
_PIECE_BYTES = 64 * 1024
_LOOK_SECONDS = 0.02
_DRAIN_SECONDS = 0.5


class Pipe:
    """What came through one of its pipes, up to a limit."""

    def __init__(self, source: "IO[bytes]", bytes_max: int) -> None:
        self.source, self.bytes_max = source, bytes_max
        self.content, self.flooded = bytearray(), False
        os.set_blocking(source.fileno(), False)

    def read(self) -> bool:
        """One piece more; whether there may be another."""
        try:
            piece = os.read(self.source.fileno(), _PIECE_BYTES)
        except BlockingIOError:
            return False
        self.content += piece[: self.bytes_max - len(self.content)]
        self.flooded = self.flooded or (len(piece) > 0 and len(self.content) == self.bytes_max)
        return bool(piece)


def main(folder: str) -> None:
    """Everything of the code is gone when this ends: it is the pod's first process."""
    with open(f"{folder}/job.json", encoding="utf-8") as file:
        asked: dict[str, Any] = json.load(file)
    boot = [sys.executable, "-I", "-B", f"{folder}/boot.py", "cold", "standard"]
    child = subprocess.Popen(
        boot,
        env=ENVIRONMENT,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    until = time.monotonic() + asked["seconds"]
    output, report = Pipe(child.stdout, asked["output_bytes_max"]), Pipe(child.stderr, asked["report_bytes_max"])
    killed_by = _sent(child.stdin.fileno(), memoryview(marshal.dumps(asked["job"])), until)
    killed_by = killed_by or _watched(child, (output, report), until)
    if killed_by is not None:
        child.kill()
    status = child.wait()
    _drain((output, report))
    said = {"status": status if status >= 0 else 128 - status, "killed_by": killed_by}
    texts = {"output": output.content, "report": report.content}
    encoded = {name: base64.b64encode(content).decode() for name, content in texts.items()}
    sys.stdout.write(json.dumps(said | encoded) + "\n")


def _sent(descriptor: int, job: memoryview, until: float) -> "str | None":
    """Its interpreter reads all of it before any code runs."""
    os.set_blocking(descriptor, False)
    while job and time.monotonic() < until:
        try:
            job = job[os.write(descriptor, job) :]
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        except BrokenPipeError:
            break
    os.close(descriptor)
    return "wall" if time.monotonic() >= until else None


def _watched(child: "subprocess.Popen[bytes]", pipes: "tuple[Pipe, ...]", until: float) -> "str | None":
    """Which limit it reached; None when it ended by itself."""
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe.source, selectors.EVENT_READ, pipe)
        while child.poll() is None:
            if time.monotonic() >= until:
                return "wall"
            for key, _ in selector.select(_LOOK_SECONDS):
                if not key.data.read():
                    selector.unregister(key.fileobj)
                if key.data.flooded:
                    return "output"
    return None


def _drain(pipes: "tuple[Pipe, ...]") -> None:
    """What is left in them; an orphan that goes on writing is not listened to for long."""
    until = time.monotonic() + _DRAIN_SECONDS
    for pipe in pipes:
        while not pipe.flooded and time.monotonic() < until and pipe.read():
            pass


if __name__ == "__main__":
    main(*sys.argv[1:] or [FOLDER])
