"""`hil analytics`: who may ask analytics?"""

import typer

from hil.analytics_token_commands import token_app

analytics_app = typer.Typer(help="Analytics: tokens.", no_args_is_help=True)
analytics_app.add_typer(token_app, name="token")
