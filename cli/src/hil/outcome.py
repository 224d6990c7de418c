"""How does a command say that it failed, to a person and to a script?"""

import os
import sys
from enum import IntEnum
from typing import Any, NoReturn

import typer

from hil.embedded.errors import DirectoryInUse, EmbeddedError, NotRunning, PortTaken


class ExitCode(IntEnum):
    """What the exit status of every `hil` command means."""

    OK = 0
    FAILED = 1  # What was asked for was tried and failed.
    BAD_INPUT = 2  # It could not be tried: wrong arguments, a bad file, a taken port or directory.
    UNREACHABLE = 3  # The system, or a part of it, does not answer.


class CommandError(Exception):
    """A command cannot go on; the text is one clear sentence for a person."""

    def __init__(self, text: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(text)
        self.code = code


def bad_input(text: str) -> CommandError:
    """What the user gave cannot work."""
    return CommandError(text, ExitCode.BAD_INPUT)


def unreachable(text: str) -> CommandError:
    """Nothing answers where the system should be."""
    return CommandError(text, ExitCode.UNREACHABLE)


class HilApp(typer.Typer):
    """Turns the errors of every command into one sentence on stderr and an exit status."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except CommandError as error:
            _leave(str(error), error.code)
        except (PortTaken, DirectoryInUse) as error:
            _leave(str(error), ExitCode.BAD_INPUT)
        except NotRunning as error:
            _leave(str(error), ExitCode.UNREACHABLE)
        except EmbeddedError as error:
            _leave(str(error), ExitCode.FAILED)
        except Exception as error:  # The second place beside bus.py: a person at a terminal gets no traceback.
            if os.environ.get("HIL_DEBUG"):
                raise
            _leave(f"unexpected {type(error).__name__}: {error} (HIL_DEBUG=1 shows where)", ExitCode.FAILED)


def _leave(text: str, code: ExitCode) -> NoReturn:
    print(f"hil: {text}", file=sys.stderr)
    raise SystemExit(int(code))
