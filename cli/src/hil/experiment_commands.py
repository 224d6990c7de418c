"""`hil experiment`: compare versions of a workflow on real conversations, and see which is better."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from contracts.catalogue import describe
from contracts.experiments import DEFAULT_GUARDRAILS, Experiment, ExperimentRefused, Experiments
from contracts.subjects import SubjectError, check_token
from hil.analytics_api import api_of
from hil.key_log import with_bus
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input
from orchestrator.adapters.experiments import arms_of, change_experiments, read_experiments
from orchestrator.adapters.workflow_registry import opened
from service_kit.connection import Connection

experiment_app = typer.Typer(help="Compare versions of a workflow on real conversations.", no_args_is_help=True)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="Name of the experiment.")]
Picture = Annotated[Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Also write the picture.")]


@experiment_app.command("start")
def start(
    name: Annotated[str, typer.Argument(help="A name that was not used before: figures are kept by it.")],
    *,
    workflow: Annotated[str, typer.Option("--workflow", help="Name of the workflow.")],
    arm: Annotated[
        list[str],
        typer.Option("--arm", metavar="VERSION=PERCENT", help="A published version and its share; first the control."),
    ],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Decides; success_rate if none. May be repeated.")
    ] = None,
    guardrail: Annotated[
        list[str] | None,
        typer.Option("--guardrail", metavar="METRIC=PERCENT", help="May get worse by this at most, e.g. cost_usd=5."),
    ] = None,
    conversations_min: Annotated[
        int, typer.Option("--conversations-min", help="Of each arm, before any verdict.")
    ] = 500,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Split conversations over versions from now on; those beyond the shares get the version in force."""
    shares = [_named_percent(one, option="--arm") for one in arm]
    named = [_named_percent(one, option="--guardrail") for one in guardrail or ()]
    guardrails = [{"metric": one, "tolerance": percent / 100} for one, percent in named]
    declared = {
        "name": name,
        "workflow": workflow,
        "metrics": metric or ["success_rate"],
        "guardrails": guardrails or DEFAULT_GUARDRAILS,
        "conversations_min": conversations_min,
        "started_ms": _now_ms(),
    }

    async def ask(connection: Connection) -> Experiment:
        async with opened(connection) as registry:
            arms = await arms_of(registry, tenant, workflow, shares)
        experiment = Experiment.model_validate({**declared, "arms": arms})
        await change_experiments(connection, tenant, lambda known: known.with_started(experiment))
        return experiment

    experiment = _asked(data_dir, tenant, ask)
    split = ", ".join(f"{one.version} {one.percent} %" for one in experiment.arms)
    _tell(experiment, f"experiment {name} runs on {workflow} for {tenant}: {split}", as_json)


@experiment_app.command("stop")
def stop(
    name: Name, *, tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Give new executions the version in force again; open ones stay on theirs, and figures are kept."""

    async def ask(connection: Connection) -> Experiments:
        return await change_experiments(connection, tenant, lambda known: known.with_stopped(name, at_ms=_now_ms()))

    _tell(_asked(data_dir, tenant, ask).named(name), f"experiment {name} of {tenant} is stopped", as_json)


@experiment_app.command("list")
def list_experiments(
    tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Show the experiments of a tenant, newest first."""
    known = _asked(data_dir, tenant, lambda connection: read_experiments(connection, tenant)).experiments[::-1]
    if as_json:
        for one in known:
            print(one.model_dump_json())
        return
    table = Table("experiment", "workflow", "arms", "metrics", "state", title=f"Experiments of {tenant}")
    for one in known:
        arms = ", ".join(f"{arm.version} {arm.percent} %" for arm in one.arms)
        table.add_row(one.name, one.workflow, arms, ", ".join(one.metrics), _state(one))
    Console().print(table)


@experiment_app.command("show")
def show(
    name: Name, *, tenant: Tenant = TENANT_DEFAULT, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False
) -> None:
    """Show how an experiment was declared."""

    async def ask(connection: Connection) -> Experiment:
        return (await read_experiments(connection, tenant)).named(name)

    found = _asked(data_dir, tenant, ask)
    print(found.model_dump_json(indent=None if as_json else 2))


@experiment_app.command("report")
def report(
    name: Name,
    *,
    html: Picture = None,
    svg: Picture = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Say what an experiment shows: split, differences with intervals, guardrails, and the verdict."""
    from analytics.api.experiments import ExperimentReport  # FastAPI takes long to import for the others.
    from hil.experiment_picture import page_of, picture_of
    from hil.experiment_text import report_text

    try:
        path = f"/v1/experiments/{check_token(tenant, what='tenant')}/{check_token(name, what='experiment')}"
    except SubjectError as error:
        raise bad_input(str(error)) from error
    found = ExperimentReport.model_validate_json(api_of(data_dir).body(path))
    for file, draw in ((html, page_of), (svg, picture_of)):
        if file is not None:
            file.write_text(draw(found), "utf-8")
    print(found.model_dump_json() if as_json else report_text(found))


def _asked(data_dir: Path, tenant: str, ask: Callable[[Connection], Awaitable[T]]) -> T:
    """Ask on the bus of the running system; refusals end the command with status 1, bad values with 2."""
    try:
        check_token(tenant, what="tenant")
        return with_bus(data_dir, ask)
    except SubjectError as error:
        raise bad_input(str(error)) from error
    except ValidationError as error:
        raise bad_input(describe(error)) from error
    except ExperimentRefused as error:
        raise CommandError(str(error)) from error


def _named_percent(text: str, *, option: str) -> tuple[str, int]:
    name, _, percent = text.rpartition("=")
    if not name or not percent.isascii() or not percent.isdigit() or int(percent) > 100:
        raise bad_input(f"{option} {text!r} is not a name and whole percents up to 100, such as 1.2.0=50")
    return name, int(percent)


def _state(experiment: Experiment) -> str:
    return "running" if experiment.stopped_ms is None else "stopped"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _tell(experiment: Experiment, text: str, as_json: bool) -> None:
    print(experiment.model_dump_json() if as_json else text)
