"""`hil workflow`: is a file right, put it in force, what is in force, and go back."""

import dataclasses
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from contracts.subjects import SubjectError, check_token
from hil.fill_source import filled, read_values
from hil.key_log import with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, ExitCode, bad_input
from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow
from orchestrator.adapters.workflow_history import HistoryRefused
from orchestrator.adapters.workflow_registry import WorkflowRegistry, opened
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection

workflow_app = typer.Typer(help="Check, publish, list and roll back workflows.", no_args_is_help=True)

T = TypeVar("T")
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Workflow file (YAML).")]
Files = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Workflow files (YAML).")]


@workflow_app.command("validate")
def validate(files: Files, as_json: AsJson = False) -> None:
    """Check files; every mistake is a line `file:line: message (hint)`. Status 2 if there is any."""
    mistakes = 0
    for file in files:
        try:
            workflow = load_workflow(file.read_bytes(), file_name=str(file))
        except WorkflowErrors as errors:
            mistakes += len(errors.errors)
            _tell_mistakes(errors, as_json=as_json)
        else:
            _tell(_described(workflow, file=str(file)), f"{file}: {workflow.name} {workflow.version} is right", as_json)
    if mistakes:
        raise typer.Exit(ExitCode.BAD_INPUT)


@workflow_app.command("alerts")
def alerts(file: File) -> None:
    """Print the promises of a file (`slos`) as rules for Prometheus 2.42 or newer; what it cannot judge is named."""
    from analytics.domain.alert_rules import alert_rules  # Prometheus's client takes long to import for others.
    from analytics.domain.prometheus_rules import rule_file
    from analytics.handlers.metrics import SECONDS

    try:
        workflow = load_workflow(file.read_bytes(), file_name=str(file))
    except WorkflowErrors as errors:
        _tell_mistakes(errors, as_json=False)
        raise typer.Exit(ExitCode.BAD_INPUT) from errors
    sys.stdout.write(rule_file(workflow.name, alert_rules(workflow.name, workflow.slos), SECONDS))


@workflow_app.command("publish")
def publish(
    file: File,
    *,
    tenant: Tenant = TENANT_DEFAULT,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=@FILE", help="Replaces %{NAME}; may be repeated.")
    ] = None,
    route: Annotated[bool, typer.Option("--route", help="Also take messages that name no workflow.")] = False,
    stage_only: Annotated[bool, typer.Option("--stage-only", help="Store the version; put nothing in force.")] = False,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Store a version for ever and put it in force for new executions; open ones stay on theirs."""
    try:
        source = filled(file.read_text("utf-8"), read_values(setting or []), file_name=str(file)).encode()
        load_workflow(source, file_name=str(file))
    except UnicodeDecodeError as error:
        raise bad_input(f"{file} is not UTF-8: {error}") from error
    except WorkflowErrors as errors:
        _tell_mistakes(errors, as_json=as_json)
        raise typer.Exit(ExitCode.BAD_INPUT) from errors

    async def ask(registry: WorkflowRegistry) -> Workflow:
        put = registry.publish if stage_only else registry.publish_as_default
        workflow = await put(source, tenant=tenant, file_name=str(file))
        if route:
            await registry.set_route(tenant, workflow.name)
        return workflow

    workflow = _with_registry(data_dir, tenant, ask)
    state = "stored" if stage_only else "in force"
    text = f"{workflow.name} {workflow.version} ({workflow.content_hash[:12]}) is {state} for {tenant}"
    _tell(_described(workflow, tenant=tenant, in_force=not stage_only, route=route), text, as_json)


@workflow_app.command("list")
def list_workflows(
    tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Show every published version of a tenant's workflows, and which are in force."""

    async def ask(registry: WorkflowRegistry) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for name in registry.workflows(tenant):
            history = await registry.history(tenant, name)
            rows += [
                {
                    "name": name,
                    "version": known.version,
                    "content_hash": known.content_hash,
                    "in_force": known.content_hash == history.in_force,
                    "route": registry.route(tenant) == name,
                }
                for known in history.versions
            ]
        return rows

    rows = _with_registry(data_dir, tenant, ask)
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    table = Table("workflow", "version", "content hash", "in force", "route", title=f"Workflows of {tenant}")
    for row in rows:
        flags = ("yes" if row["in_force"] else "", "yes" if row["route"] and row["in_force"] else "")
        table.add_row(str(row["name"]), str(row["version"]), str(row["content_hash"])[:12], *flags)
    Console().print(table)


@workflow_app.command("rollback")
def rollback(
    name: Annotated[str, typer.Argument(help="Name of the workflow.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="The one before the present if none.")
    ] = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Put an older version in force at once; open executions stay on theirs."""

    async def ask(registry: WorkflowRegistry) -> tuple[str, str]:
        content_hash = await registry.rollback(tenant, name, to)
        history = await registry.history(tenant, name)
        return content_hash, next(v.version for v in history.versions if v.content_hash == content_hash)

    content_hash, version = _with_registry(data_dir, tenant, ask)
    found = {"name": name, "version": version, "content_hash": content_hash, "tenant": tenant}
    _tell(found, f"{name} {version} ({content_hash[:12]}) is in force for {tenant}", as_json)


def _with_registry(data_dir: Path, tenant: str, ask: Callable[[WorkflowRegistry], Awaitable[T]]) -> T:
    """Ask the registry of the running system; refusals end the command with status 1."""

    async def asked(connection: Connection) -> T:
        async with opened(connection) as registry:
            return await ask(registry)

    try:
        check_token(tenant, what="tenant")
        return with_bus(data_dir, asked)
    except SubjectError as error:
        raise bad_input(str(error)) from error
    except HistoryRefused as error:
        raise CommandError(str(error)) from error


def _described(workflow: Workflow, **more: object) -> dict[str, object]:
    own = {"name": workflow.name, "version": workflow.version, "content_hash": workflow.content_hash}
    return {**own, **more}


def _tell(found: Mapping[str, object], text: str, as_json: bool) -> None:
    print(json.dumps(found) if as_json else text)


def _tell_mistakes(errors: WorkflowErrors, *, as_json: bool) -> None:
    for error in errors.errors:
        if as_json:
            print(json.dumps(dataclasses.asdict(error)))
        else:
            print(error, file=sys.stderr)
