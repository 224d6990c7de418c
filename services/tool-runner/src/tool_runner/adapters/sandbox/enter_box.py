"""How does root give up all that it is, before it becomes the box of a tool server?

Runs as a module of its own between the launcher and bubblewrap, which another user then starts: nothing on the machine
takes the server for root, whatever it reaches. What the box shows is bound first, while it may be entered."""

import json
import os
import sys
from pathlib import Path

from tool_runner.adapters.launch_child import die_with
from tool_runner.adapters.sandbox.own_view import enter_own_view


def main(parent: str, uid: str, program: str, shown: str, *command: str) -> None:
    """Arguments: process id of the tool runner, the user, bubblewrap, JSON of what stands at which path, the command.
    Files that are not there (any more) are left out, as bubblewrap does."""
    sources = {Path(place): Path(source) for place, source in json.loads(shown).items()}
    enter_own_view(Path(program), {place: source for place, source in sources.items() if source.exists()})
    user = int(uid)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    die_with(int(parent))  # Another user forgets it, so this comes last.
    os.execv(command[0], command)  # noqa: S606 - the recipe, without a shell


if __name__ == "__main__":
    main(*sys.argv[1:])
