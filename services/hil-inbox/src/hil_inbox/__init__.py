"""The hil-inbox service."""
