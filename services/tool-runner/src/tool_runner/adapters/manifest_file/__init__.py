"""Which tools, servers and grants does the manifest declare? Says what is wrong with it by file, line and field."""

from tool_runner.adapters.manifest_file.load import ConfiguredServer, Manifest, load_manifest
from tool_runner.adapters.manifest_file.yaml_lines import ManifestError

__all__ = ["ConfiguredServer", "Manifest", "ManifestError", "load_manifest"]
