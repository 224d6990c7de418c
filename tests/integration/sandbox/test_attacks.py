"""What do attacks reach that the attack at the start does not try?"""

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest

from tool_runner.adapters.sandbox.boxed_sandbox import BoxedSandbox, kept_warm
from tool_runner.adapters.sandbox.opened import SandboxOptions, untried_sandbox
from tool_runner.domain.sandbox import MIB, SandboxLimits, SandboxResult

pytestmark = pytest.mark.asyncio(loop_scope="module")  # One keeper for all of them.
LIMITS = SandboxLimits(wall_seconds_max=20)


async def test_a_descriptor_that_the_tool_runner_left_open_is_not_passed_on(
    options: SandboxOptions, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    left_open = os.open(secret, os.O_RDONLY)
    os.set_inheritable(left_open, True)
    look = "import os\ndef _open(fd):\n    try: os.fstat(fd)\n    except OSError: return False\n    return True\n" + (
        "result = [fd for fd in range(3, 4096) if _open(fd)]"
    )
    try:
        async with untried_sandbox(options) as opened:
            ended = await opened.whole.execute(look, None, LIMITS)
    finally:
        os.close(left_open)
    assert ended.result == [4]


@pytest.mark.parametrize(
    ("plant", "error"),
    [
        ("os.symlink('/etc/passwd', 'out/link')", "ValueError: /box/out/link is not a regular file"),
        ("os.symlink('/proc/self/environ', 'out/link')", "ValueError: /box/out/link is not a regular file"),
        ("os.mkfifo('out/pipe')", "PermissionError: [Errno 1] Operation not permitted"),
        ("os.mkdir('out/folder')", "ValueError: /box/out/folder is not a regular file"),
        ("open('out/large', 'wb').truncate(2 ** 40)", "the files in out/ are over the limit of 4194304 bytes"),
        ("open('out/large', 'wb').truncate(50 * 2 ** 20)", "the files in out/ are over the limit of 4194304 bytes"),
        ("[open(f'out/{n}', 'w').close() for n in range(17)]", "ValueError: more than 16 files in out/"),
        ("open('out/..\\\\..\\\\x', 'w').close()", "a file in out/ has a name of other characters"),
        ("open('out/a b\\n', 'w').close()", "a file in out/ has a name of other characters"),
    ],
)
async def test_nothing_but_small_regular_files_leaves(sandbox: BoxedSandbox, plant: str, error: str) -> None:
    ended = await sandbox.execute(f"import os\n{plant}", None, LIMITS)
    assert (ended.exit_code, dict(ended.files)) == (1, {})
    assert error in ended.error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("b'[' * 100_000 + b'\\n'", "the result is no JSON"),
        ("b'{\"result\":' + b'[' * 500 + b']' * 500 + b'}\\n'", "nested more than 64 deep"),
        ("b'{\"result\": [' + b'0,' * 300_000 + b'0]}\\n'", "more than 100000 values"),
        ("b'{\"result\": NaN}\\n'", "the result is no JSON"),
        ('b\'{"result": 1, "files": [["../x", 1]]}\\nx\'', "a file in out/ has a name of other characters"),
        ('b\'{"result": 1, "files": [["x", 10]]}\\nx\'', "or is cut"),
        ('b\'{"result": 1, "files": [["x", -1]]}\\nx\'', "or is cut"),
        ("b'{\"result\": 1, \"files\": ' + b'[[],' * 20 + b'[]' + b']' * 20 + b'}\\n'", "or is cut"),
        ('b\'{"result": 1, "files": {}}\\n\'', "more than 16 files"),
        ("b'[1]\\n'", "another form"),
        ("b'{\"error\": 7}\\n'", "another form"),
    ],
)
async def test_a_report_that_the_code_forges_is_only_believed_within_its_form(
    sandbox: BoxedSandbox, text: str, error: str
) -> None:
    code = f"import os\nleft = {text}\nwhile left: left = left[os.write(4, left):]\nos._exit(0)"
    ended = await sandbox.execute(code, None, LIMITS)
    assert (ended.exit_code, ended.result, dict(ended.files)) == (1, None, {})
    assert error in ended.error


@pytest.mark.parametrize(
    ("code", "killed_by"),
    [
        ("result = 'x' * 2 ** 30", "memory"),
        ("result = 'x' * (2 ** 23)", "output"),
        ("import os\nwhile True: os.write(4, b'x' * 65536)", "output"),
        ("import os\nwhile True: os.write(2, b'x' * 65536)", "output"),
        ("result = []\nfor _ in range(100_000): result = [result]", None),
        ("import zlib\nz = zlib.decompressobj()\nd = zlib.compress(bytes(2 ** 26), 9)\nx = [z.decompress(d)] * 1\n"
         "x += [bytes(x[0]) + b'1' for _ in range(20)]", "memory"),
    ],
)  # fmt: skip
async def test_a_bomb_in_the_result_ends_its_own_box_alone(
    sandbox: BoxedSandbox, code: str, killed_by: str | None
) -> None:
    ended = await sandbox.execute(code, None, dataclasses.replace(LIMITS, memory_bytes_max=200 * MIB))
    assert (ended.killed_by, ended.result) == (killed_by, None)
    assert ended.exit_code != 0
    assert len(ended.stdout) <= LIMITS.output_bytes_max


async def test_what_is_over_the_limit_of_output_is_cut_at_it(sandbox: BoxedSandbox) -> None:
    ended = await sandbox.execute(
        "while True: print('x' * 999)", None, dataclasses.replace(LIMITS, output_bytes_max=5000)
    )
    assert (len(ended.stdout), ended.killed_by, ended.timed_out) == (5000, "output", False)


SIGNALS = {
    "everybody": "import os, signal\nos.kill(-1, signal.SIGKILL)",
    "its group": "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "its init": "import os, signal\nos.kill(1, signal.SIGKILL)\nos.kill(1, signal.SIGTERM)",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "a timer": "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
    "signal.signal(signal.SIGALRM, lambda *_: None)\nwhile True: time.sleep(9)",
}


async def test_signals_reach_nobody_else_and_do_not_keep_it_alive(sandbox: BoxedSandbox) -> None:
    limits = dataclasses.replace(LIMITS, wall_seconds_max=0.5)
    other = asyncio.create_task(sandbox.execute("import time\ntime.sleep(1)\nresult = 'unharmed'", None, LIMITS))
    tricks = await asyncio.gather(*(sandbox.execute(trick, None, limits) for trick in SIGNALS.values()))
    killed = dict(zip(SIGNALS, (ended.killed_by for ended in tricks), strict=True))
    assert killed == {"everybody": None, "its group": None, "its init": None, "stopped": "wall", "a timer": "wall"}
    assert (await other).result == "unharmed"


async def test_executions_of_different_callers_see_nothing_of_each_other(options: SandboxOptions) -> None:
    plant = (
        "import os, socket, time\n"
        "open('/box/out/mine', 'w').write(inputs)\nopen('/tmp/mine', 'w').write(inputs)\n"
        "server = socket.socket(socket.AF_UNIX)\nserver.bind('\\0' + 'shared')\nserver.listen()\ntime.sleep(0.5)\n"
        "seen = []\n"
        "for pid in range(1, 500):\n"
        "    try: os.kill(pid, 0)\n"
        "    except ProcessLookupError: continue\n"
        "    except PermissionError: pass\n"
        "    seen.append(pid)\n"
        "result = {'uid': os.getuid(), 'tmp': os.listdir('/tmp'), 'out': os.listdir('/box/out'), 'pids': seen}"
    )
    async with untried_sandbox(options) as opened:
        one, other = await asyncio.gather(*(opened.whole.execute(plant, entity, LIMITS) for entity in ("one", "other")))
    for ended, entity in ((one, "one"), (other, "other")):
        assert ended.error == ""  # Both could bind the same name: each has its own network.
        assert ended.files == {"mine": entity.encode()}
        assert isinstance(ended.result, dict)
        assert (ended.result["tmp"], ended.result["out"], ended.result["pids"]) == (["mine"], ["mine"], [1, 2])
    assert one.result["uid"] != other.result["uid"]  # type: ignore[index, call-overload]


async def test_a_warm_box_is_used_once_and_holds_what_a_cold_one_holds(options: SandboxOptions) -> None:
    async with untried_sandbox(options) as opened, kept_warm(opened.whole, 2):
        leave = "import builtins, os\nbuiltins.planted = 1\nopen('/tmp/planted', 'w').close()\nresult = os.getuid()"
        look = "import builtins, os\nresult = [hasattr(builtins, 'planted'), os.listdir('/tmp')]"
        for _ in range(3):
            await opened.whole.execute(leave, None, LIMITS)
            assert (await opened.whole.execute(look, None, LIMITS)).result == [False, []]


@pytest.mark.parametrize("boxes", [0, 1])
async def test_cold_or_warm_the_limits_of_the_whole_tree_hold(options: SandboxOptions, boxes: int) -> None:
    burn = (
        "import os, time\nfor _ in range(3): os.fork()\n"
        "end = time.monotonic() + 1\nwhile time.monotonic() < end: pass\n"
        "result = 0\nwhile True:\n    try: os.wait()\n    except ChildProcessError: break\n"
        "t = os.times(); result = t.user + t.system + t.children_user + t.children_system"
    )
    limits = dataclasses.replace(LIMITS, memory_bytes_max=64 * MIB, cpu_share_max=0.25)
    hold = "import os\nfor _ in range(3): os.fork()\nheld = bytearray(20 * 2 ** 20)\nwhile True: pass"
    async with untried_sandbox(options) as opened, kept_warm(opened.whole, boxes):
        burnt = (await opened.whole.execute(burn, None, limits)).result
        assert isinstance(burnt, float)
        assert burnt < 0.25 * 2.5  # Of 8 processes that wanted a second each; the last one ends late.
        ended = await opened.whole.execute(hold, None, dataclasses.replace(limits, cpu_share_max=2.0))
        assert ended.killed_by == "memory"


async def test_an_orphan_that_holds_the_output_does_not_delay_the_end(sandbox: BoxedSandbox) -> None:
    orphan = (
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(3600)\n    os._exit(0)\n"
        "os.wait(); result = 'parent'"
    )
    ended = await sandbox.execute(orphan, None, LIMITS)
    assert (ended.result, ended.killed_by) == ("parent", None)


async def test_large_inputs_do_not_keep_the_deadline_from_coming(sandbox: BoxedSandbox) -> None:
    ended = await sandbox.execute(
        "while True: pass", "x" * 5_000_000, dataclasses.replace(LIMITS, wall_seconds_max=0.5)
    )
    assert ended.killed_by == "wall"


async def test_more_callers_than_slots_wait_for_each_other(sandbox: BoxedSandbox) -> None:
    def told(ended: SandboxResult) -> object:
        return ended.result

    many = await asyncio.gather(*(sandbox.execute("result = inputs", number, LIMITS) for number in range(12)))
    assert [told(ended) for ended in many] == [*range(12)]


HONEST = """
import asyncio, concurrent.futures, datetime, decimal, json, multiprocessing.dummy, os, subprocess, sys, tempfile
async def twice(x): await asyncio.sleep(0); return 2 * x
async def all_twice(): return await asyncio.gather(*(twice(x) for x in range(3)))
with tempfile.TemporaryDirectory() as folder: open(os.path.join(folder, 'x'), 'w').close()
with concurrent.futures.ThreadPoolExecutor(4) as pool: squares = list(pool.map(lambda x: x * x, range(4)))
said = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True).stdout
result = [asyncio.run(all_twice()), squares, str(decimal.Decimal('1.10')), said, json.dumps({'a': None})]
"""


async def test_honest_code_of_the_standard_library_works(sandbox: BoxedSandbox) -> None:
    ended = await sandbox.execute(HONEST, None, LIMITS)
    assert (ended.error, ended.result) == ("", [[0, 2, 4], [0, 1, 4, 9], "1.10", "1\n", '{"a": null}'])
