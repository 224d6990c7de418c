"""The dashboards: a client of the public API, as anybody's (ADR-0028)."""
