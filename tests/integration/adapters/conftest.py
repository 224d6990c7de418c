"""Which stores does every test of the document store run against?"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from document_store import DocumentStore, open_store


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
