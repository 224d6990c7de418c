"""python -m analytics: settings in, the service runs, clean shutdown."""

import sys

from analytics.app import serve
from analytics.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(Settings, serve))
