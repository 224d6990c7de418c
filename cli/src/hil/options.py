"""Which options do several commands share?"""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", "-d", envvar="HIL_DATA_DIR", help="Directory of the running system.", file_okay=False),
]
DATA_DIR_DEFAULT = Path(".run")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, instead of text for people.")]

Tenant = Annotated[str, typer.Option("--tenant", envvar="HIL_TENANT", help="Whose it is.")]
TENANT_DEFAULT = "acme"
