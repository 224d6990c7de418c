"""Measurements of what only tests can drive."""
