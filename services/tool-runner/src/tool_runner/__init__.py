"""The tool-runner service."""
