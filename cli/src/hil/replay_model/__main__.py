"""python -m hil.replay_model: which domain is played, on which port, and what is done wrongly on purpose?"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from hil.domain_file import DomainError, load_domain
from hil.replay_model import Fault, ReplayModel, Script, TaskPlayer, load_script
from hil.replay_model.script import ScriptError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hil.replay_model")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--domain", type=Path, help="a domain file; without it, everything is echoed")
    parser.add_argument("--script", type=Path, help="a JSON file of rules that go before the domain")
    parser.add_argument("--fault", type=Fault, choices=list(Fault))
    parser.add_argument("--fault-ids", default="", help="tasks to be played wrongly, as 0,5")
    parser.add_argument("--instruction", help="words of the prompt that the answers depend on")
    arguments = parser.parse_args()
    if (arguments.fault is None) != (not arguments.fault_ids) or (arguments.fault and not arguments.domain):
        parser.error("--fault needs --fault-ids and --domain, and the other way round")
    return arguments


def _player(arguments: argparse.Namespace) -> TaskPlayer | None:
    if arguments.domain is None:
        return None
    ids = [task_id.strip() for task_id in arguments.fault_ids.split(",") if task_id.strip()]
    faults = {task_id: arguments.fault for task_id in ids}
    return TaskPlayer(load_domain(arguments.domain), faults, arguments.instruction)


async def _serve(model: ReplayModel) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with model:
        print(json.dumps({"url": model.url, "model": model.model}), flush=True)
        await stopped.wait()


def main() -> int:
    """Serve until SIGINT or SIGTERM; 2 when a file cannot be used or the port is taken."""
    arguments = _arguments()
    try:
        script = load_script(arguments.script) if arguments.script else Script()
        asyncio.run(_serve(ReplayModel(script, _player(arguments), arguments.port)))
    except (DomainError, ScriptError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
