"""`hil tool why`: may this agent call this tool, and which grant says so?"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from contracts.catalogue import describe
from hil.ask_tool_runner import asked
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import bad_input
from tool_runner.domain.explain_call import ExplainedGrant, Explanation, WhyQuestion, explained

_ARGUMENTS: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


def why(
    agent: Annotated[str, typer.Argument(help="Name of the agent; - for a call without one.")],
    tool: Annotated[str, typer.Argument(help="<server>.<tool>")],
    *,
    workflow: Annotated[str, typer.Option(help="Of which workflow.")] = "",
    node: Annotated[str, typer.Option(help="Of which node.")] = "",
    entity: Annotated[str | None, typer.Option(help="For whom.")] = None,
    tenant: Tenant = TENANT_DEFAULT,
    arguments: Annotated[str, typer.Option(metavar="JSON", help="Arguments, for constraints and policies.")] = "{}",
    manifest: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Ask this file; the running tool runner if none."),
    ] = None,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Say which grants let an agent call a tool, or what each grant lacks. Status 0 when it may, 1 when not.

    What a workflow's own `tools` give its node is not looked at: they must name the tool, too.
    """
    words = {"workflow": workflow, "node": node, "entity": entity, "tenant": tenant, "tool": tool}
    question = _question({**words, "agent": None if agent == "-" else agent}, arguments)
    if manifest is not None:
        found = _offline(question, manifest)
    else:
        found = asyncio.run(asked(data_dir, "/v1/why", Explanation, body=question.model_dump(mode="json")))
    if as_json:
        print(found.model_dump_json())
    else:
        Console().print(page(question, found))
    if not found.allowed:
        raise typer.Exit(1)


def _question(words: Mapping[str, str | None], arguments: str) -> WhyQuestion:
    try:
        given = _ARGUMENTS.validate_json(arguments)
    except ValidationError as error:
        text = error.errors()[0]["msg"]
        raise bad_input(f"--arguments: {text}; write an object such as '{{\"amount\": 5}}'") from error
    try:
        return WhyQuestion.model_validate({**words, "arguments": given})
    except ValidationError as error:
        raise bad_input(describe(error)) from error


def page(question: WhyQuestion, found: Explanation) -> Group:
    """The decision, then one line for each grant and each thing that it lacks."""
    who = question.agent or "a call without an agent"
    verdict = "may call" if found.allowed else "may not call"
    lines: list[Text | Table] = [Text(f"{who} {verdict} {question.tool}", "green" if found.allowed else "red")]
    lines += [Text(found.reason)] if found.reason else []
    lines += [Text(f"requires {', '.join(found.permissions_required)}")] if found.permissions_required else []
    if found.approval is not None:
        lines.append(Text(f"a person is asked first: {found.approval}", "yellow"))
    elif found.approval_after_untrusted_read is not None:
        after = found.approval_after_untrusted_read
        lines.append(Text(f"after an untrusted read a person is asked first: {after}", "yellow"))
    table = Table(box=None, pad_edge=False)
    table.add_column("grant", overflow="fold")
    table.add_column("for this call", overflow="fold")
    for grant in found.grants:
        table.add_row(grant.name, _standing(grant))
    return Group(*lines, table, Text(f"manifest {found.manifest_version}", "dim"))


def _standing(grant: ExplainedGrant) -> str:
    if grant.lacks:
        return "\n".join(grant.lacks)
    return f"holds, gives {', '.join(grant.permissions)}" if grant.permissions else "holds"


def _offline(question: WhyQuestion, file: Path) -> Explanation:
    # The MCP SDK comes with it and takes a second, which no other command should wait for.
    from tool_runner.adapters.manifest_file import ManifestError, load_manifest

    try:
        manifest = load_manifest(file, search_path="")
    except ManifestError as error:
        raise bad_input(str(error)) from error
    servers = {server.rules.name: server.rules for server in manifest.servers}
    return explained(question, manifest.grants, servers, manifest_version=manifest.version)
