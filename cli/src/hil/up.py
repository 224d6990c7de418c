"""How does one command run the whole system on this machine?"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hil.analytics_access import first_token
from hil.embedded.plan import AllInThisProcess, OneProcessEach, ReplayModel, StackPlan
from hil.embedded.services import TENANT, api_key_file
from hil.embedded.stack import running_stack
from hil.inbox_staff import first_login
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import bad_input
from hil.provider import has_provider
from hil.up_notices import JsonLines, Secrets, Teller, Terminal

_PORT_MAX = 65_535


def up(
    *,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    single_process: Annotated[bool, typer.Option(help="Run all services in this process (a laptop).")] = False,
    port: Annotated[list[str] | None, typer.Option(metavar="NAME=PORT", help="Fix a port; may be repeated.")] = None,
    domain: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Domain that the replay model plays.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Start NATS, Redis and the five services, wait until they are ready, and keep them running.

    The addresses are printed and written to DATA_DIR/endpoints.json. SIGINT or SIGTERM stops everything. Without
    OPENAI_API_KEY (and without LLM_GATEWAY_PROVIDER_URL) models are played by the replay model.
    """
    model = None if has_provider() else ReplayModel(domain_file=domain)
    plan = StackPlan(
        data_dir=data_dir,
        layout=AllInThisProcess() if single_process else OneProcessEach(),
        model=model,
        ports=_parse_ports(port or []),
    )
    described = "the provider of your settings" if model is None else "replayed (set OPENAI_API_KEY for a real one)"
    teller: Teller = JsonLines(sys.stdout) if json else Terminal(Console(file=sys.stdout), model=described)
    with _services_log_to(plan):
        asyncio.run(run_until_told_to_stop(plan, teller))


async def run_until_told_to_stop(plan: StackPlan, teller: Teller) -> None:
    """Run the plan until SIGINT, SIGTERM or SIGHUP; a second one kills. Raises EmbeddedError when it cannot stay up."""
    running = asyncio.create_task(_run(plan, teller))

    def on_signal() -> None:
        teller.stopping()
        running.cancel()  # The first ends the waiting, the second ends the patience of stopping.

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    try:
        await running
    except asyncio.CancelledError:
        teller.stopped()


async def _run(plan: StackPlan, teller: Teller) -> None:
    async with running_stack(plan, teller.notice) as stack:
        stores_dir = plan.data_dir.absolute() / "stores"
        inbox = stack.endpoints.get("hil_inbox")
        link = None if inbox is None else await first_login(stores_dir, inbox, tenant=TENANT)
        token_file = await first_token(stores_dir, tenant=TENANT) if "analytics" in stack.endpoints else None
        teller.ready(stack.endpoints, Secrets(api_key_file(stores_dir), link, token_file))
        await stack.wait_until_failed()


def _parse_ports(texts: list[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not (number.isascii() and number.isdigit() and 0 < int(number) <= _PORT_MAX):
            raise bad_input(f"--port {text} is not NAME=PORT with a port from 1 to {_PORT_MAX}")
        ports[name] = int(number)
    return ports


@contextmanager
def _services_log_to(plan: StackPlan) -> Iterator[None]:
    """In one process the services' own output goes to a file, as it does from processes of their own."""
    if isinstance(plan.layout, OneProcessEach):
        yield
        return
    log_file = plan.data_dir / "logs" / "services.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a") as log, redirect_stdout(log), redirect_stderr(log):
        yield
