"""Which MongoDB do all tests of adapters and services share?"""

from tests.support.mongo_fixture import mongo_server

__all__ = ["mongo_server"]
