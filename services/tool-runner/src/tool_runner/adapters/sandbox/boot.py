"""How does code start inside of the sandbox, and how do its result and its files leave it?

Runs as a script in there, with the standard library alone; importing little is what makes a start quick. It says that
it is up, waits for its one job, runs it and reports. Whatever it reports is the word of code that nobody trusts:
outcome.py reads it as such."""

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

JOB, REPORT = 3, 4
"""File descriptors: what comes in, what goes out."""
UP = b"\x06"
"""Its first byte: nothing else that may be there instead begins so."""
ERROR_CHARACTERS_MAX = 1_000
_USUAL = (
    *("json", "re", "math", "datetime", "collections", "itertools", "functools", "random", "statistics", "decimal"),
    *("string", "textwrap", "csv", "io", "base64", "hashlib", "typing", "dataclasses", "traceback"),
)
"""What a waiting interpreter has imported before its job comes."""


def main() -> None:
    """Arguments: `warm` to import what most code needs while nobody waits, else `cold`; `standard` where job and report
    come as standard input and error, because no other descriptor can be passed."""
    if "standard" in sys.argv:
        os.dup2(0, JOB)
        os.dup2(2, REPORT)
        os.dup2(1, 2)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
    if "warm" in sys.argv:
        for name in _USUAL:
            __import__(name)
    os.write(REPORT, UP)
    job = _read_job()
    _make_home(job["code"])
    own = os.getpid()
    status, outcome = _ended(job["code"], job["inputs"])
    if os.getpid() != own:  # The code forked, and this is the child: only the parent reports.
        os._exit(status)
    try:
        _report(outcome, _files(job["files_max"], job["files_bytes_max"]))
    except BaseException as error:  # A result that is no JSON, files that are too large.
        status = status or 1
        sys.stderr.write(_last_line(error) + "\n")
        _report({"error": outcome.get("error") or _last_line(error)}, [])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _read_job() -> "dict[str, Any]":
    pieces = []
    while piece := os.read(JOB, 1 << 16):
        pieces.append(piece)
    os.close(JOB)
    return dict(marshal.loads(b"".join(pieces)))  # noqa: S302 - it comes from the tool runner, which wrote it


def _make_home(code: str) -> None:
    os.umask(0o077)
    os.chdir("/box")
    os.mkdir("/box/tmp")
    os.mkdir("/box/out")
    with open("/box/main.py", "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(code)
    sys.argv[:] = ["/box/main.py"]
    sys.path.append(f"/usr/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages")
    for name in ("stdout", "stderr"):  # What was printed before a deadline is kept.
        getattr(sys, name).reconfigure(line_buffering=True, errors="backslashreplace")


def _ended(code: str, inputs: object) -> "tuple[int, dict[str, Any]]":
    """Exit status and outcome."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    module.__dict__.update(inputs=inputs, __file__="/box/main.py", __builtins__=__builtins__)
    try:
        exec(compile(code, "/box/main.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what this is for
    except SystemExit as end:
        status = end.code & 0xFF if isinstance(end.code, int) else int(end.code is not None)
        return status, {"error": f"SystemExit: {end.code}"[:ERROR_CHARACTERS_MAX]} if status else {}
    except BaseException as error:
        theirs = error.__traceback__.tb_next if error.__traceback__ is not None else None
        sys.excepthook(type(error), error.with_traceback(theirs), theirs)
        return 1, {"error": _last_line(error)}
    return 0, {"result": module.__dict__.get("result")}


def _last_line(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
    except BaseException:  # Its own text may raise, too.
        return type(error).__name__


def _report(outcome: "dict[str, Any]", files: list[tuple[str, bytes]]) -> None:
    """One line of JSON, then the files one after the other."""
    files_told = [[name, len(content)] for name, content in files]
    for piece in (_json({**outcome, "files": files_told}).encode() + b"\n", *(content for _, content in files)):
        _write(piece)


def _json(value: object) -> str:
    """As json.dumps writes it, by the same code in C: importing json would be a third of the time of a short run."""
    from _json import encode_basestring_ascii, make_encoder  # noqa: PLC0415 - code that fails does without

    def unknown(other: object) -> object:
        raise TypeError(f"Object of type {type(other).__name__} is not JSON serializable")

    encode = make_encoder({}, unknown, encode_basestring_ascii, None, ":", ",", False, False, False)
    return "".join(encode(value, 0))


def _files(files_max: int, bytes_max: int) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    left = bytes_max
    for name in sorted(os.listdir("/box/out")):
        if len(found) == files_max:
            raise ValueError(f"more than {files_max} files in out/")
        content = _content(f"/box/out/{name}", left + 1)
        left -= len(content)
        if left < 0:
            raise ValueError(f"the files in out/ are over the limit of {bytes_max} bytes")
        found.append((name, content))
    return found


def _content(path: str, bytes_max: int) -> bytes:
    if os.path.islink(path) or not os.path.isfile(path):
        raise ValueError(f"{path} is not a regular file")
    with open(path, "rb") as file:
        return file.read(bytes_max)


def _write(content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(REPORT, view) :]


if __name__ == "__main__":
    main()
