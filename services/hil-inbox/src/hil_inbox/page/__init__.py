"""The page of the inbox: the first client of its public API (ADR-0021)."""
