"""`hil bench …`: which measurements are there?"""

import typer

from hil.bench.core import core

bench = typer.Typer(help="Measure on servers of its own, beside a floor or a peer.", no_args_is_help=True)
bench.command("core")(core)


@bench.callback()
def measure() -> None:
    """Measure on servers of its own, beside a floor or a peer."""
