"""Which sandbox do these tests run code in?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox
from tool_runner.adapters.sandbox.opened import SandboxOptions, opened_sandbox, untried_sandbox
from tool_runner.adapters.sandbox.root_image import built_image
from tool_runner.domain.sandbox import SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the file system of the sandbox is built, once for all tests."""
    directory = tmp_path_factory.mktemp("sandbox")
    built_image(directory)
    return directory


@pytest.fixture(scope="session")
def why_not(sandbox_dir: Path) -> str:
    """Why this machine cannot run the whole recipe; empty where it can."""

    async def tried() -> str:
        try:
            async with opened_sandbox(SandboxOptions(sandbox_dir, slots=1)):
                return ""
        except SandboxUnavailable as error:
            return str(error)

    return asyncio.run(tried())


@pytest.fixture
def options(sandbox_dir: Path, why_not: str) -> SandboxOptions:
    """Of a sandbox with the whole recipe and no warm boxes."""
    if why_not:
        pytest.skip(why_not)
    return SandboxOptions(sandbox_dir, slots=4)


@pytest.fixture
async def sandbox(options: SandboxOptions) -> AsyncIterator[BoxedSandbox]:
    """The embedded default, without the attack at its start, which tests of its own are about."""
    async with untried_sandbox(options) as opened:
        yield opened.whole
