"""python -m orchestrator: settings in, the service runs, clean shutdown."""

import sys

from orchestrator.app import serve
from orchestrator.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(Settings, serve))
