"""How is what nobody caught told, without the personal data that its text quotes?

Exceptions that end the process or a thread, those in destructors, and warnings. What asyncio and libraries log comes by
way of `logging`, which has a formatter of its own.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType

from service_kit.redaction import Redact

_Class = type[BaseException]


def redact_last_words(redact: Redact) -> None:
    """For the whole process, from now on."""

    def tell(kind: _Class, error: BaseException | None, trace: TracebackType | None) -> None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    def tell_of_process(kind: _Class, error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            tell(kind, error, trace)

    def tell_of_thread(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, SystemExit):
            tell(args.exc_type, args.exc_value, args.exc_traceback)

    def tell_of_destructor(args: "sys.UnraisableHookArgs") -> None:
        tell(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook, sys.unraisablehook = tell_of_process, tell_of_thread, tell_of_destructor
    logging.captureWarnings(capture=True)
