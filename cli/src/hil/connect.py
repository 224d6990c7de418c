"""Where is the system that a command talks to?"""

import os
from pathlib import Path

from hil.embedded.endpoints import read_endpoints
from hil.outcome import unreachable


def address_of(name: str, data_dir: Path) -> str:
    """Address of `nats`, `redis` or a service: HIL_<NAME>_URL, else what `hil up` wrote into the data directory.

    Raises NotRunning or CommandError, which end the command with status 3.
    """
    variable = f"HIL_{name.upper()}_URL"
    given = os.environ.get(variable)
    if given:
        return given
    endpoints = read_endpoints(data_dir)
    if name not in endpoints:
        raise unreachable(f"the system in {data_dir} has no {name}; set {variable}")
    return endpoints[name]
