"""python -m hil_inbox: settings in, the service runs, clean shutdown; with `first-login TENANT`, a link instead."""

import asyncio
import sys

from hil_inbox.api.first_login import first_login
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    if sys.argv[1:2] == ["first-login"] and len(sys.argv) == 3:
        sys.exit(asyncio.run(first_login(Settings(), sys.argv[2])))
    sys.exit(run_service(Settings, serve))
