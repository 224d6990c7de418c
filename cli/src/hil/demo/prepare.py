"""What must be in place before the customers of a domain come: tool servers, the workflow, and a fresh database?"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import yaml

from contracts.streams import TOOLS_BUCKET
from hil.domain_file import Domain
from hil.fill_source import filled
from hil.outcome import CommandError, bad_input
from orchestrator.adapters.workflow_file import WorkflowErrors
from orchestrator.adapters.workflow_history import HistoryRefused
from orchestrator.adapters.workflow_registry import opened
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection
from tool_runner.adapters.manifest_file import ManifestError, load_manifest

SHIPPED_WORKFLOWS = Path(__file__).parents[4] / "workflows"
TOOLS_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one play of a domain keeps its things. `number` counts the plays in a data directory."""

    data_dir: Path
    number: int

    @property
    def directory(self) -> Path:
        return self.data_dir / "demo" / str(self.number)

    @property
    def played(self) -> Path:
        """Replaces `{data_dir}` for the tool servers that the system uses."""
        return self.directory / "played"

    @property
    def expected(self) -> Path:
        """The same for the server to which the expected calls are made directly."""
        return self.directory / "expected"

    @property
    def servers_file(self) -> Path:
        return self.directory / "servers.yaml"

    def key(self, domain: Domain, task_id: str) -> str:
        """Conversation of a task; another in each play, so that each has its own database."""
        return f"{domain.name}-{task_id}" if self.number == 1 else f"{domain.name}-{task_id}-{self.number}"


def next_place(data_dir: Path) -> Place:
    """The first play that this directory does not hold yet."""
    number = 1
    while (place := Place(data_dir.absolute(), number)).directory.exists():
        number += 1
    return place


def write_servers_file(domain: Domain, place: Place) -> Path:
    """Make the directories of a play, and say to the tool runner how the domain's server is started. Raises
    CommandError."""
    command, environment = domain.file.server.started_with(data_dir=place.played)
    entry = {
        "name": domain.name,
        "command": command,
        "env": environment,
        "state_key": domain.file.state_key,
        "state_key_argument": domain.file.state_argument,
        "hidden_tools": domain.file.hidden_tools,
        **({"result_field": domain.file.result_field} if domain.file.result_field else {}),
        **({"limits": domain.file.limits} if domain.file.limits else {}),
        "defaults": {"cost_usd": 0, **domain.file.defaults},
        "tools": domain.file.tools,
    }
    for directory in (place.played, place.expected):
        directory.mkdir(parents=True, exist_ok=True)
    grant = {"name": f"{domain.name}-demo", "tools": [f"{domain.name}.*"]}
    place.servers_file.write_text(yaml.safe_dump({"grants": [grant], "servers": [entry]}, sort_keys=False))
    try:
        load_manifest(place.servers_file, search_path="")
    except ManifestError as error:
        raise bad_input(str(error)) from error
    return place.servers_file


def workflow_source(domain: Domain, domain_file: Path) -> tuple[bytes, str]:
    """The domain's workflow with its policy filled in, and the name of the file. Raises CommandError."""
    file = _workflow_file(domain, domain_file)
    try:
        source = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise bad_input(f"{file} cannot be read: {error}") from error
    return filled(source, {"policy": domain.policy}, file_name=str(file)).encode(), str(file)


async def publish_workflow(connection: Connection, source: bytes, *, tenant: str, file_name: str) -> Workflow:
    """Put the workflow in force and make it the tenant's route."""
    async with opened(connection) as registry:
        try:
            workflow = await registry.publish_as_default(source, tenant=tenant, file_name=file_name)
        except WorkflowErrors as errors:
            raise bad_input(str(errors)) from errors
        except HistoryRefused as error:
            raise bad_input(f"{file_name}: {error}") from error
        await registry.set_route(tenant, workflow.name)
        return workflow


async def wait_for_tools(connection: Connection, domain: Domain) -> None:
    """Until the tool runner has listed the domain's tools; raises CommandError after a minute."""
    bucket = await connection.jetstream.key_value(TOOLS_BUCKET)
    deadline = asyncio.get_running_loop().time() + TOOLS_SECONDS_MAX
    while True:
        status = await bucket.status()
        subjects = await connection.jetstream.stream_info(
            status.stream_info.config.name or "", subjects_filter=f"$KV.{TOOLS_BUCKET}.{domain.name}.>"
        )
        if subjects.state.subjects:
            return
        if asyncio.get_running_loop().time() > deadline:
            command = " ".join(domain.file.server.command)
            raise CommandError(f"the tools of {command} are not there after {TOOLS_SECONDS_MAX:g} s")
        await asyncio.sleep(0.1)


def _workflow_file(domain: Domain, domain_file: Path) -> Path:
    beside = domain_file.parent / domain.file.workflow
    shipped = SHIPPED_WORKFLOWS / domain.file.workflow
    for candidate in (beside, shipped):
        if candidate.is_file() and not candidate.samefile(domain_file):
            return candidate
    raise bad_input(f"{domain_file}: workflow: {domain.file.workflow}: no such file ({beside}, {shipped})")
