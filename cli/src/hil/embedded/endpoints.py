"""Where does a running system listen, and how do other commands find out?"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from hil.embedded.errors import EmbeddedError, NotRunning

FILE_NAME = "endpoints.json"


def write_endpoints(data_dir: Path, endpoints: Mapping[str, str]) -> Path:
    """Write the addresses by name, all or nothing: a reader never sees half a file."""
    target = data_dir / FILE_NAME
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(dict(endpoints), indent=2) + "\n")
    draft.replace(target)
    return target


def remove_endpoints(data_dir: Path) -> None:
    """Say that nothing runs here any more."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def read_endpoints(data_dir: Path) -> dict[str, str]:
    """Addresses by name (`nats`, `redis`, `orchestrator`, …); raises NotRunning when no system runs there."""
    source = data_dir / FILE_NAME
    try:
        found = json.loads(source.read_text())
    except FileNotFoundError:
        raise NotRunning(f"no running system in {data_dir} (start one with `hil up`)") from None
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"cannot read {source}: {error}") from error
    if not isinstance(found, dict):
        raise EmbeddedError(f"{source} does not hold addresses by name")
    return {str(name): str(address) for name, address in found.items()}
