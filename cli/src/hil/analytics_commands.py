"""`hil analytics`: who may ask analytics, how do its rows get out, and how are its figures counted anew?"""

import typer

from hil.analytics_export_command import export
from hil.analytics_rebuild_command import rebuild
from hil.analytics_sql_command import sql
from hil.analytics_token_commands import token_app

analytics_app = typer.Typer(help="Figures of what the system does: tokens, files, SQL, rebuild.", no_args_is_help=True)
analytics_app.add_typer(token_app, name="token")
analytics_app.command("export")(export)
analytics_app.command("sql")(sql)
analytics_app.command("rebuild")(rebuild)
