"""python -m llm_gateway: settings in, the service runs, clean shutdown."""

import sys

from llm_gateway.adapters.models_file import ModelsFileError
from llm_gateway.adapters.name_finder import UnusableNamesModel
from llm_gateway.adapters.provider_client import UnusableProvider
from llm_gateway.app import serve
from llm_gateway.settings import Settings
from service_kit.process import run_service

if __name__ == "__main__":
    sys.exit(run_service(Settings, serve, unusable=(ModelsFileError, UnusableProvider, UnusableNamesModel)))
