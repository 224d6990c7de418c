"""Drawers of functions that several services need; not a framework."""
