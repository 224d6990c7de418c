"""Servers that these tests ask for by name."""

from tests.support.mongo_fixture import mongo_server

__all__ = ["mongo_server"]
