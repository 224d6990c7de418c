"""Who starts boxes and ends them? The keeper: a small process of its own beside the tool runner.

It is one thread with few pages, so that a fork is quick and safe; it may do what the tool runner should not have to; it
ends every box at its deadline, and all of them when the tool runner is gone, whatever that was doing. It speaks JSON
over a socket that keeps messages apart; keeper_client.py is the other side."""

import ctypes
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
from tool_runner.adapters.sandbox.own_view import IMAGE, enter_own_view

MESSAGE_BYTES_MAX = 64 * 1024
PASSED = ("output", "job", "report", "seccomp")
"""Descriptors of a start, in this order."""
SPARES = 2
DESCRIPTORS_MAX = 1 << 16
CLOSING_SECONDS, CLOSING_SECONDS_MAX = 0.002, 5.0
# A core file is the work of code that nobody trusts, and a program of the host may get it: with a limit of 1 byte, and
# only with that, the kernel calls none either (core(5); fs/coredump.c).
_LIMITS = {resource.RLIMIT_CORE: 1, resource.RLIMIT_SIGPENDING: 64}
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Kept:
    """One box that runs, or a spare: a process that is in its control group already, and waits for what it becomes.
    Joining a group takes the kernel some milliseconds (12 of 16 were measured), which nobody has to wait for then."""

    pid: int
    pidfd: int
    group: ControlGroup
    to_it: socket.socket
    processes_more: int = 0
    deadline: float | None = None
    killed_by: str | None = None


class Keeper:
    """All boxes of one tool runner."""

    def __init__(self, runner: socket.socket, layout: Layout) -> None:
        self._runner, self._layout = runner, layout
        self._boxes: dict[int, Kept] = {}
        self._spares: list[Kept] = []
        self._closing: list[ControlGroup] = []
        self._groups = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(runner, selectors.EVENT_READ)

    def run(self) -> None:
        """Until the tool runner hangs up; then every box is ended."""
        try:
            self._refill()
            while self._turn():
                pass
        finally:
            for box in (*self._boxes.values(), *self._spares):
                self._bury(box)
            until = now() + CLOSING_SECONDS_MAX
            while self._closing and now() < until:
                self._close_groups()

    def _turn(self) -> bool:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._runner:
                if not self._hear():
                    return False
            else:
                self._reap(key.data)
        for box in self._boxes.values():
            if box.deadline is not None and now() >= box.deadline:
                self._end(box, "wall")
        self._close_groups()
        return True

    def _patience(self) -> float | None:
        if self._closing:
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
            self._refill()
        elif number in self._boxes:
            self._change(self._boxes[number], asked)
        return True

    def _start(self, number: int, asked: dict[str, Any], descriptors: list[int]) -> None:
        box: Kept | None = None
        try:
            box = self._living_spare()
            box.processes_more = asked["processes_more"]
            _limit(box, asked, cpu_share=None)
            socket.send_fds(box.to_it, [json.dumps(asked).encode()], descriptors)
        except OSError as error:
            if box is not None:
                self._bury(box)
            self._tell({"box": number, "failed": f"{error}"})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        box.to_it.close()
        box.deadline = now() + asked["seconds"]
        self._boxes[number] = box
        self._selector.register(box.pidfd, selectors.EVENT_READ, number)

    def _living_spare(self) -> Kept:
        """Where the machine lacks memory, spares go first: that one is gone is no failure of who needs one."""
        while self._spares:
            spare = self._spares.pop(0)
            if os.waitid(os.P_PIDFD, spare.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return spare
            self._bury(spare)
        return self._spare()

    def _bury(self, box: Kept) -> None:
        """Kill and reap what nobody is told of."""
        _kill(box)
        os.waitpid(box.pid, 0)
        os.close(box.pidfd)
        box.to_it.close()
        self._closing.append(box.group)

    def _refill(self) -> None:
        while len(self._spares) < SPARES:
            try:
                self._spares.append(self._spare())
            except OSError:  # The next start tries again, and tells.
                return

    def _spare(self) -> Kept:
        self._groups += 1
        group = ControlGroup(self._layout, self._groups)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keeper, pid = os.getpid(), os.fork()
        if pid == 0:
            become_box(theirs.fileno(), group, keeper=keeper)
        theirs.close()
        return Kept(pid, os.pidfd_open(pid), group, ours)

    def _change(self, box: Kept, asked: dict[str, Any]) -> None:
        if asked["do"] == "end":
            self._end(box, asked["why"])
        elif asked["do"] == "wait":
            box.deadline = None
        else:  # go
            box.deadline = now() + asked["seconds"]
            try:
                _limit(box, asked, cpu_share=asked["cpu_share"])
            except OSError:  # It has more already than it may have.
                self._end(box, "memory")
            self._tell({"box": asked["box"], "going": True})

    def _end(self, box: Kept, why: str | None) -> None:
        box.killed_by = box.killed_by or why
        box.deadline = None
        _kill(box)

    def _reap(self, number: int) -> None:
        box = self._boxes.pop(number)
        _, status = os.waitpid(box.pid, 0)
        self._selector.unregister(box.pidfd)
        os.close(box.pidfd)
        box.group.kill()  # Whatever it left behind goes with it.
        self._closing.append(box.group)
        code = os.waitstatus_to_exitcode(status)
        self._tell(
            {
                "box": number,
                "status": code if code >= 0 else 128 - code,
                "killed_by": box.killed_by,
                "memory_kills": box.group.memory_kills(),
                "refused_processes": box.group.refused_processes(),
            }
        )

    def _close_groups(self) -> None:
        self._closing = [group for group in self._closing if not group.removed()]

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._runner.send(json.dumps(message).encode())
        except OSError:
            return  # The tool runner is gone, which the next turn notices.


def _kill(box: Kept) -> None:
    box.group.kill()
    os.kill(box.pid, signal.SIGKILL)  # It may not have joined its group yet; it is not reaped, so the id is its own.


def _limit(box: Kept, asked: dict[str, Any], *, cpu_share: float | None) -> None:
    processes = asked["processes"] + box.processes_more
    box.group.limit(memory_bytes=asked["memory_bytes"], processes=processes, cpu_share=cpu_share)


def become_box(from_keeper: int, group: ControlGroup, *, keeper: int) -> None:
    """In the new process: into the group, then wait; then away from every right and every descriptor, and into the
    program. A failure is told on the box's own output. Ends when the keeper does."""
    try:
        os.dup2(from_keeper, 3)
        os.closerange(4, DESCRIPTORS_MAX)  # A spare must not hold the keeper's own socket open.
        group.join()
        Path("/proc/self/oom_score_adj").write_text("1000")  # Where the machine lacks memory, boxes go first.
        with socket.socket(fileno=3) as asking:
            text, descriptors, _, _ = socket.recv_fds(asking, MESSAGE_BYTES_MAX, len(PASSED))
        if not text:
            return
        asked = json.loads(text)
        _place(descriptors, asked["places"])
        limits = _LIMITS | {resource.RLIMIT_NOFILE: asked["descriptors_max"]}
        for limit, amount in limits.items():
            stricter = _within(amount, resource.getrlimit(limit)[1])
            resource.setrlimit(limit, (stricter, stricter))
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(ignored, signal.SIG_DFL)
        if (uid := asked["uid"]) is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        _die_with(keeper)
        os.execve(asked["command"][0], asked["command"], asked["environment"])  # noqa: S606 - the recipe, no shell
    except (OSError, ValueError) as error:
        os.write(2, f"the box could not be made: {error}\n".encode())
    finally:  # Nothing of the keeper may go on in here.
        os._exit(70)


def _die_with(keeper: int) -> None:
    """bubblewrap sees to that itself, runsc does not. Another user forgets it, so this comes last."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != keeper:
        os._exit(70)


def _within(amount: int, hard: int) -> int:
    """What is stricter already stays so: to raise a limit takes a right that root of a container may lack."""
    return amount if hard == resource.RLIM_INFINITY else min(amount, hard)


def _place(descriptors: list[int], places: list[list[int]]) -> None:
    """Each where the program looks for it, nothing else open. Standard input is empty where it is not a place."""
    aside = [os.dup2(descriptor, 50 + number) for number, descriptor in enumerate(descriptors)]
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for descriptor, where in zip(aside, places, strict=True):
        for place in where:
            os.dup2(descriptor, place)
    os.closerange(max(map(max, filter(None, places))) + 1, DESCRIPTORS_MAX)


def main(image: str, program: str) -> None:
    """The socket to the tool runner is standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runner = socket.socket(fileno=os.dup(0))
    try:
        enter_own_view(Path(program), {IMAGE: Path(image)})
        layout = found_layout()
        remove_leftovers(layout)
    except OSError as error:
        runner.send(json.dumps({"keeper": f"the keeper of the sandboxes cannot start: {error}"}).encode())
        sys.exit(1)
    runner.send(json.dumps({"keeper": "ready"}).encode())
    Keeper(runner, layout).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
