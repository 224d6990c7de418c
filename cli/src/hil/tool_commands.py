"""`hil tool …`: which commands are about tools?"""

import typer

from hil.connect_app_command import connect_app

tool_app = typer.Typer(help="Ask about tools, and connect accounts for them.", no_args_is_help=True)


@tool_app.callback()
def tool() -> None:
    """Ask about tools, and connect accounts for them."""


tool_app.command("connect")(connect_app)
