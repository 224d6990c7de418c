"""Which stores does every test of the document store run against?"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.start_mongo import NoMongo, running_mongo

from document_store import DocumentStore, open_store
from hil.embedded.errors import EmbeddedError


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The session's MongoDB; without one the Mongo half of the suite is skipped, and the summary says why."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running_mongo(tmp_path_factory.mktemp("mongo") / "data"))
        except (NoMongo, EmbeddedError) as error:
            pytest.skip(f"MONGODB NOT TESTED: {error}")
        yield url


@pytest.fixture(params=["sqlite", "mongo"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of this test alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: str = request.getfixturevalue("mongo_server")
    database = re.sub(r"\W", "", tmp_path.name)[-50:]
    return f"{server}/{database}"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[DocumentStore]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()
