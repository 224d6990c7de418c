"""Which MongoDB do the tests of services share?"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from hil.embedded.errors import EmbeddedError
from tests.support.start_mongo import NoMongo, running_mongo


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's MongoDB; without one these tests are skipped, and the summary says why."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_mongo(tmp_path_factory.mktemp("mongo") / "data"))
        except (NoMongo, EmbeddedError) as error:
            pytest.skip(f"MONGODB NOT TESTED: {error}")
        yield url
