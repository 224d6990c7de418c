"""python -m hil_inbox: settings in, the service runs, clean shutdown."""

import sys

from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(Settings, serve))
