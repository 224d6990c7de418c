"""python -m analytics: settings in, the service runs, clean shutdown; with `token LABEL TENANT`, a token instead."""

import asyncio
import sys

from analytics.api.token_command import create_token
from analytics.app import serve
from analytics.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    if sys.argv[1:2] == ["token"] and len(sys.argv) == 4:
        sys.exit(asyncio.run(create_token(Settings(), sys.argv[2], sys.argv[3])))
    sys.exit(run_service(Settings, serve))
