"""Who starts boxes and ends them? The keeper: a small process of its own beside the tool runner.

It is one thread with few pages, so that a fork is quick and safe; it may do what the tool runner should not have to; it
ends every box at its deadline, and all of them when the tool runner is gone, whatever that was doing. It speaks JSON
over a socket that keeps messages apart; keeper_client.py is the other side."""

import json
import os
import resource
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tool_runner.adapters.sandbox.control_groups import ControlGroup, Layout, found_layout, now, remove_leftovers
from tool_runner.adapters.sandbox.own_view import enter_own_view

MESSAGE_BYTES_MAX = 64 * 1024
PASSED = ("output", "job", "report", "seccomp")
"""Descriptors of a start, in this order; 1 and 2 are both `output`, the others follow from 3 on."""
SECCOMP = 5
CLOSING_SECONDS = 0.002
# A core file is the work of code that nobody trusts, and a program of the host may get it: with a limit of 1 byte, and
# only with that, the kernel calls none either (core(5); fs/coredump.c).
_LIMITS = {resource.RLIMIT_CORE: 1, resource.RLIMIT_NOFILE: 128, resource.RLIMIT_SIGPENDING: 64}


@dataclass(slots=True)
class Kept:
    """One box that runs."""

    pid: int
    pidfd: int
    group: ControlGroup
    deadline: float | None = None
    killed_by: str | None = None
    ended: bool = False
    status: int = 0


class Keeper:
    """All boxes of one tool runner."""

    def __init__(self, runner: socket.socket, layout: Layout) -> None:
        self._runner, self._layout = runner, layout
        self._boxes: dict[int, Kept] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(runner, selectors.EVENT_READ)

    def run(self) -> None:
        """Until the tool runner hangs up; then every box is ended."""
        try:
            while self._turn():
                pass
        finally:
            for box in self._boxes.values():
                box.group.kill()
            until = now() + 5
            while self._boxes and now() < until:
                self._close_ended()
                for box in self._boxes.values():
                    self._reap(box)

    def _turn(self) -> bool:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._runner:
                if not self._hear():
                    return False
            else:
                self._reap(self._boxes[key.data])
        for box in self._boxes.values():
            if box.deadline is not None and now() >= box.deadline and not box.ended:
                self._end(box, "wall")
        self._close_ended()
        return True

    def _patience(self) -> float | None:
        if any(box.ended for box in self._boxes.values()):
            return CLOSING_SECONDS
        deadlines = [box.deadline for box in self._boxes.values() if box.deadline is not None]
        return max(0.0, min(deadlines) - now()) if deadlines else None

    def _hear(self) -> bool:
        text, descriptors, _, _ = socket.recv_fds(self._runner, MESSAGE_BYTES_MAX, len(PASSED))
        if not text:
            return False
        asked = json.loads(text)
        number = asked["box"]
        if asked["do"] == "start":
            self._start(number, asked, descriptors)
        elif number in self._boxes:
            self._change(self._boxes[number], asked)
        return True

    def _start(self, number: int, asked: dict[str, Any], descriptors: list[int]) -> None:
        try:
            group = ControlGroup(self._layout, number)
            group.limit(memory_bytes=asked["memory_bytes"], processes=asked["processes"], cpu_share=None)
            pid = os.fork()
            if pid == 0:
                become_box(asked, descriptors, group)
        except OSError as error:
            self._tell({"box": number, "failed": f"{error}"})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        box = Kept(pid, os.pidfd_open(pid), group, now() + asked["seconds"])
        self._boxes[number] = box
        self._selector.register(box.pidfd, selectors.EVENT_READ, number)

    def _change(self, box: Kept, asked: dict[str, Any]) -> None:
        if asked["do"] == "end":
            self._end(box, asked["why"])
        elif asked["do"] == "wait":
            box.deadline = None
        elif not box.ended:  # go
            box.deadline = now() + asked["seconds"]
            try:
                box.group.limit(
                    memory_bytes=asked["memory_bytes"], processes=asked["processes"], cpu_share=asked["cpu_share"]
                )
            except OSError:  # It has more already than it may have.
                self._end(box, "memory")

    def _end(self, box: Kept, why: str | None) -> None:
        box.killed_by = box.killed_by or why
        box.deadline = None
        box.group.kill()

    def _reap(self, box: Kept) -> None:
        if box.ended:
            return
        pid, status = os.waitpid(box.pid, os.WNOHANG)
        if pid == 0:
            return
        box.status, box.ended = status, True
        box.group.kill()  # Whatever it left behind goes with it.
        self._selector.unregister(box.pidfd)
        os.close(box.pidfd)

    def _close_ended(self) -> None:
        for number, box in [*self._boxes.items()]:
            if not box.ended:
                continue
            memory, processes = _counted(box.group)
            if box.group.removed():
                del self._boxes[number]
                status = os.waitstatus_to_exitcode(box.status)
                self._tell(
                    {
                        "box": number,
                        "status": status if status >= 0 else 128 - status,
                        "killed_by": box.killed_by,
                        "memory_kills": memory,
                        "refused_processes": processes,
                    }
                )

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._runner.send(json.dumps(message).encode())
        except OSError:
            return  # The tool runner is gone, which the next turn notices.


def become_box(asked: dict[str, Any], descriptors: list[int], group: ControlGroup) -> None:
    """In the new process: into the limits, away from every right and every descriptor, then the program. A failure is
    told on the box's own output."""
    try:
        group.join()
        _place(descriptors)
        for limit, amount in _LIMITS.items():
            resource.setrlimit(limit, (amount, amount))
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        if (uid := asked["uid"]) is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        os.execve(asked["command"][0], asked["command"], asked["environment"])  # noqa: S606 - the recipe, no shell
    except OSError as error:
        os.write(2, f"the box could not be made: {error}\n".encode())
    finally:  # Nothing of the keeper may go on in here.
        os._exit(70)


def _place(descriptors: list[int]) -> None:
    """Output on 1 and 2, the others from 3 on, nothing else open."""
    output, *others = [os.dup2(descriptor, 50 + place) for place, descriptor in enumerate(descriptors)]
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for place, descriptor in enumerate((output, output, *others), start=1):
        os.dup2(descriptor, place)
    os.closerange(len(others) + 3, 1 << 16)


def _counted(group: ControlGroup) -> tuple[int, int]:
    try:
        return group.memory_kills(), group.refused_processes()
    except OSError:  # One folder is gone already, another not yet.
        return 0, 0


def main(image: str, program: str) -> None:
    """The socket to the tool runner is standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runner = socket.socket(fileno=os.dup(0))
    try:
        enter_own_view(Path(image), Path(program))
        layout = found_layout()
        remove_leftovers(layout)
        ControlGroup(layout, 0).removed()
    except OSError as error:
        runner.send(json.dumps({"keeper": f"the keeper of the sandboxes cannot start: {error}"}).encode())
        sys.exit(1)
    runner.send(json.dumps({"keeper": "ready"}).encode())
    Keeper(runner, layout).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
