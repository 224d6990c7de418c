"""`hil tool …`: which tools are there?"""

import typer

from hil.tool_search_command import search

tool_app = typer.Typer(help="Tools: search.", no_args_is_help=True)


@tool_app.callback()
def tool() -> None:
    """Ask about the tools and try them."""


tool_app.command("search")(search)
