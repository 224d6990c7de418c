"""How does an evaluation go from the start of the system to its results?"""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from hil.connect import address_of
from hil.demo.expected_state import expected_states
from hil.demo.prepare import Place, publish_workflow, wait_for_tools
from hil.embedded.services import api_key_file
from hil.embedded.stack import running_stack
from hil.embedded.supervisor import Report
from hil.eval.grade import Grader
from hil.eval.play import TENANT, Play, Tasks, Told
from hil.eval.prepare import Prepared, needs_own_system, stack_plan
from hil.eval.publish import publish_evaluation
from hil.eval.results import Evaluation
from hil.outcome import bad_input
from service_kit.connection import Connection, connected

API_KEY = "HIL_LLM_GATEWAY_API_KEY"


@dataclass(frozen=True, slots=True)
class System:
    """A system that runs: where its parts are, and what judges tasks of a domain if we started it for some."""

    connection: Connection
    gateway_url: str
    api_key: str
    tasks: Tasks | None = None


@asynccontextmanager
async def own_system(prepared: Prepared, data_dir: Path, report: Report) -> AsyncIterator[System]:
    """The embedded one, started for the suite and stopped at the end."""
    plan, place = stack_plan(prepared, data_dir)
    async with (
        running_stack(plan, report) as stack,
        connected(stack.endpoints["nats"], service="client") as connection,
        AsyncExitStack() as beside,
    ):
        if prepared.loaded.domain is not None:
            await wait_for_tools(connection, prepared.loaded.domain)
        tasks = await _tasks(prepared, place, beside)
        yield System(connection, stack.endpoints["llm_gateway"], _api_key(place.data_dir), tasks)


@asynccontextmanager
async def running_system(prepared: Prepared, data_dir: Path) -> AsyncIterator[System]:
    """The one that runs in a data directory, or is named by HIL_NATS_URL. Raises CommandError."""
    if needs_own_system(prepared.loaded):
        raise bad_input(
            f"{prepared.loaded.name}: tasks of a domain are checked against its database, which needs a system started "
            "for them: leave out --running"
        )
    gateway = address_of("llm_gateway", data_dir) if prepared.is_graded else ""
    async with connected(address_of("nats", data_dir), service="client", patience_seconds=3.0) as connection:
        yield System(connection, gateway, _api_key(data_dir))


@dataclass(frozen=True, slots=True)
class Extent:
    """How often each case is tried, and how many trials go on at once."""

    repeats: int = 4
    concurrency: int = 8


@dataclass(frozen=True, slots=True)
class Where:
    """A system that is started in a directory, or the one that runs there: then `history_of` is the tenant in whose
    history of evaluations this one is."""

    directory: Path
    history_of: str | None = None


async def evaluated(prepared: Prepared, where: Where, extent: Extent, told: Told, report: Report) -> Evaluation:
    """Play every case on that system; one that runs on is told of it."""
    opened = (
        running_system(prepared, where.directory)
        if where.history_of is not None
        else own_system(prepared, where.directory, report)
    )
    async with opened as system:
        evaluation = await evaluate(prepared, system, told, extent)
        if where.history_of is None:
            return evaluation.model_copy(update={"replayed": prepared.model is not None})
        await publish_evaluation(system.connection, evaluation, tenant=where.history_of)
        return evaluation


async def evaluate(prepared: Prepared, system: System, told: Told, extent: Extent) -> Evaluation:
    """Play every case as often as asked."""
    loaded, started_ms = prepared.loaded, _now_ms()
    mark = f"{started_ms:x}{os.getpid():x}"
    file_name = str(loaded.workflow_file)
    workflow = await publish_workflow(system.connection, prepared.source, tenant=TENANT, file_name=file_name)
    async with AsyncExitStack() as stack:
        grader = await _grader(system, stack) if prepared.is_graded else None
        play = Play(system.connection, workflow, mark, system.tasks, grader, told)
        cases = await play.all(loaded.cases, repeats=extent.repeats, concurrency=extent.concurrency)
    return Evaluation(
        id=f"{_token(loaded.name)}-{mark}",
        suite=loaded.name,
        suite_hash=loaded.suite_hash,
        workflow=prepared.workflow.name,
        version=prepared.workflow.version,
        content_hash=prepared.workflow.content_hash,
        started_ms=started_ms,
        finished_ms=_now_ms(),
        cases=cases,
    )


async def _tasks(prepared: Prepared, place: Place, beside: AsyncExitStack) -> Tasks | None:
    domain = prepared.loaded.domain
    if domain is None or not needs_own_system(prepared.loaded):
        return None
    states = await beside.enter_async_context(expected_states(domain, place.expected))
    return Tasks(domain, place, states, await states.fresh())


async def _grader(system: System, stack: AsyncExitStack) -> Grader:
    if not system.api_key:
        raise bad_input(f"model-graded checks need a key of the gateway: set {API_KEY} (`hil llm key create`)")
    return Grader(system.gateway_url, system.api_key, await stack.enter_async_context(aiohttp.ClientSession()))


def _api_key(data_dir: Path) -> str:
    """The one in the environment, else the one that `hil up` made; empty where there is none."""
    file = api_key_file(data_dir / "stores")
    return os.environ.get(API_KEY) or ("" if file is None else file.read_text("utf-8").strip())


def _token(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:40]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
