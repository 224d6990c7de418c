"""python -m tool_runner: settings in, the service runs, clean shutdown."""

import sys

from service_kit.process import run_service
from tool_runner.adapters.manifest_file import ManifestError
from tool_runner.adapters.seal import SecretUnusable
from tool_runner.adapters.vault.vault_keys import VaultKeysUnusable
from tool_runner.app import serve
from tool_runner.domain.sandbox import SandboxUnavailable
from tool_runner.settings import Settings

if __name__ == "__main__":
    sys.exit(
        run_service(Settings, serve, unusable=(ManifestError, SandboxUnavailable, SecretUnusable, VaultKeysUnusable))
    )
