"""What does routing save over the best model for everything, in the shipped workflows?"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from contracts.conversations import MessageReceived
from hil.bench.routing_cost import Completion, WorkflowCost, completions_in, costs
from hil.demo.prepare import (
    SHIPPED_WORKFLOWS,
    next_place,
    publish_workflow,
    wait_for_tools,
    workflow_source,
    write_servers_file,
)
from hil.domain_file import Domain, load_domain, shipped_domain
from hil.embedded.plan import ReplayModel, StackPlan
from hil.embedded.stack import running_stack
from hil.eval.suite_file import load_suite
from hil.turns import Turn, send_turn, wait_for_turn
from llm_gateway.adapters.models_file import load_models
from llm_gateway.adapters.tool_catalogue import watched_tools
from llm_gateway.settings import Settings
from service_kit.connection import Connection, connected
from service_kit.log import Log

TENANT = "bench"
_ANSWERS = Path(__file__).with_name("routing_answers.json")
_AT_ONCE = 8
_TURN_SECONDS_MAX = 120.0
COMPARE_WITH_PERCENT = 56.0
"""What SPEC G2 asks to be set beside it."""
ASSUMED = (
    "prompts are the real ones, rebuilt from the log with real tool results; tokens are counted with the models' own "
    "vocabulary, tool descriptions and schemas a tenth more",
    "answers are the replay model's: the expected calls and short texts; a real model writes more",
    "both prices are of the same tokens: that a cheaper model needs as many calls and is as good is not measured",
    "no input is cached",
    "where a workflow has one profile, as retail has, the share saved is no more than the ratio of two list prices",
)


@dataclass(frozen=True, slots=True)
class Customer:
    """One conversation to be had."""

    workflow: str
    key: str
    text: str
    expected_sink: str


@dataclass(frozen=True, slots=True)
class RoutingFigures:
    """`workflows` ends with the sum. `elsewhere`: conversations that did not end where they were expected to."""

    workflows: tuple[WorkflowCost, ...]
    conversations: int
    profiles: dict[str, int]
    elsewhere: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """As it is written to a file."""
        rows = [{**asdict(one), "saved_percent": one.saved_percent} for one in self.workflows]
        *workflows, total = rows
        return {
            **{name: value for name, value in total.items() if name != "workflow"},
            "compare_with_percent": COMPARE_WITH_PERCENT,
            "conversations": self.conversations,
            "profiles": self.profiles,
            "elsewhere": list(self.elsewhere),
            "workflows": workflows,
            "assumed": list(ASSUMED),
        }


def measure(directory: Path, tell: Callable[[str], None]) -> RoutingFigures:
    """Play the suites and the retail tasks on a system of its own in `directory`. Raises NotComparable."""
    return asyncio.run(_Play(directory, tell).figures())


@dataclass(frozen=True, slots=True)
class _Play:
    directory: Path
    tell: Callable[[str], None]

    async def figures(self) -> RoutingFigures:
        domain_file = shipped_domain("retail")
        domain, place = load_domain(domain_file), next_place(self.directory)
        plan = StackPlan(
            data_dir=place.data_dir,
            model=ReplayModel(domain_file, ("--script", str(_ANSWERS))),
            environment={"TOOL_RUNNER_SERVERS_FILE": str(write_servers_file(domain, place))},
        )
        async with (
            running_stack(plan, lambda notice: self.tell(f"{notice.unit} {notice.change}")) as stack,
            connected(stack.endpoints["nats"], service="client") as connection,
        ):
            await _publish(connection, domain, domain_file)
            await wait_for_tools(connection, domain)
            return await self._played(connection, domain)

    async def _played(self, connection: Connection, domain: Domain) -> RoutingFigures:
        """The suites one after the other, as their answers are written down in order; then the tasks, together."""
        suites, tasks = list(suite_customers(SHIPPED_WORKFLOWS / "suites")), task_customers(domain)
        sinks: list[str | None] = []
        for customer in suites:
            sinks.append(await _sink(connection, customer))
        slots, done = asyncio.Semaphore(_AT_ONCE), Counter[str]()

        async def one(customer: Customer) -> str | None:
            async with slots:
                sink = await _sink(connection, customer)
            done[""] += 1
            self.tell(f"{done.total()} of {len(tasks)} tasks")
            return sink

        sinks += await asyncio.gather(*map(one, tasks))
        return await _judged(connection, [*suites, *tasks], sinks)


def suite_customers(directory: Path) -> Iterator[Customer]:
    """The cases of the shipped suites."""
    for file in sorted(directory.glob("*.yaml")):
        suite = load_suite(file).suite
        for case in suite.cases:
            yield Customer(suite.workflow, f"{suite.workflow}-{case.id}", case.said[0], case.expected_sink)


def task_customers(domain: Domain) -> list[Customer]:
    """The tasks that `hil demo` plays."""
    return [
        Customer("retail", f"task-{task.id}", task.opening, "HANDOVER" if domain.expects_transfer(task) else "FINISH")
        for task in domain.tasks_of("train")
    ]


async def _publish(connection: Connection, domain: Domain, domain_file: Path) -> None:
    retail, retail_name = workflow_source(domain, domain_file)
    for file in sorted(SHIPPED_WORKFLOWS.glob("*.yaml")):
        source = retail if file.samefile(retail_name) else file.read_bytes()
        await publish_workflow(connection, source, tenant=TENANT, file_name=str(file))


async def _sink(connection: Connection, customer: Customer) -> str | None:
    turn = Turn(TENANT, customer.key, MessageReceived(turn_id="1", text=customer.text, workflow=customer.workflow))
    await send_turn(connection, turn)
    outcome = await wait_for_turn(connection, turn, timeout_seconds=_TURN_SECONDS_MAX)
    return None if outcome.finished is None else outcome.finished.sink


async def _judged(connection: Connection, customers: Sequence[Customer], sinks: Sequence[str | None]) -> RoutingFigures:
    table, log = load_models(Settings().models_file).table, Log(connection)
    completions: list[Completion] = []
    async with watched_tools(connection.jetstream) as catalogue:
        tools = list(catalogue.tools())
        for customer in customers:
            completions += completions_in(await log.read(TENANT, customer.key), tools, table)
    together = list(zip(customers, sinks, strict=True))
    return RoutingFigures(
        workflows=tuple(costs(completions, table)),
        conversations=len(customers),
        profiles=dict(Counter(f"{one.profile}: {one.model}" for one in completions)),
        elsewhere=tuple(f"{who.key}: {sink}" for who, sink in together if sink != who.expected_sink),
    )
