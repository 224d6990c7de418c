"""`hil analytics`: who may ask analytics, and how do its rows get out?"""

import typer

from hil.analytics_export_command import export
from hil.analytics_sql_command import sql
from hil.analytics_token_commands import token_app

analytics_app = typer.Typer(help="Figures of what the system does: tokens, files, SQL.", no_args_is_help=True)
analytics_app.add_typer(token_app, name="token")
analytics_app.command("export")(export)
analytics_app.command("sql")(sql)
