"""Does a process tell what a person wrote when it fails in a way that nobody has foreseen?"""

import subprocess
import sys

import pytest

SECRET = "anna@example.com"
START = """
import asyncio, threading, warnings
import uvloop
from pii import redact
from service_kit.telemetry import configure_logs

configure_logs("test", redact=redact)

class Bad(Exception):
    pass

def fail():
    raise Bad("anna@example.com cannot pay")

class Wrecked:
    def __del__(self):
        fail()

async def in_a_callback():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.01)

async def in_a_task_that_nobody_awaits():
    async def work():
        fail()
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    del task

async def in_a_group():
    async def work():
        fail()
    async with asyncio.TaskGroup() as group:
        group.create_task(work())

def in_a_thread():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

def chained():
    try:
        fail()
    except Bad as error:
        error.add_note("for anna@example.com")
        raise RuntimeError("after anna@example.com") from error
"""
ENDS = {
    "fail()": 1,
    "chained()": 1,
    "uvloop.run(in_a_group())": 1,
    "asyncio.run(in_a_callback())": 0,
    "uvloop.run(in_a_callback())": 0,
    "asyncio.run(in_a_task_that_nobody_awaits())": 0,
    "uvloop.run(in_a_task_that_nobody_awaits())": 0,
    "in_a_thread()": 0,
    "Wrecked()": 0,
    "warnings.warn('anna@example.com is old')": 0,
}


@pytest.mark.parametrize("end", ENDS)
def test_what_nobody_caught_is_told_without_personal_data(end: str) -> None:
    ended = subprocess.run([sys.executable, "-c", START + end], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == ENDS[end], ended.stderr
    told = ended.stdout + ended.stderr
    assert SECRET not in told
    assert "[REDACTED_EMAIL]" in told, "it is told, so that it can be mended"
