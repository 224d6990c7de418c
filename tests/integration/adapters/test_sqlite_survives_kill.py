"""Is everything that was acknowledged still there after kill -9 of the writing process?"""

import subprocess
import sys
from pathlib import Path

from document_store import open_store

ROUNDS = 5
LINES_BEFORE_KILL = 60


def killed_writer_output(url: str, prefix: str) -> list[list[str]]:
    """The complete lines that a writer printed before and while it was killed."""
    writer = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sqlite_writer.py")), url, prefix],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    with writer.stdout as output:
        lines = [output.readline() for _ in range(LINES_BEFORE_KILL)]
        writer.kill()
        lines += output.readlines()
    writer.wait()
    return [line.split() for line in lines if line.endswith("\n")]


async def test_no_acknowledged_write_is_lost_or_torn_by_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    acknowledged: list[str] = []
    totals: dict[str, int] = {}
    for round_number in range(ROUNDS):
        for prefix, total, *names in killed_writer_output(url, f"r{round_number}"):
            totals[prefix] = int(total)
            acknowledged += names
    assert len(acknowledged) >= ROUNDS * LINES_BEFORE_KILL * 5
    store = await open_store(url)
    for name in acknowledged:
        document = await store.get("kept", name)
        assert document is not None, f"{name} was acknowledged and is lost"
        assert document.body == {"key": name, "x": "y" * 500}
    for prefix, total in totals.items():
        document = await store.get("counted", prefix)
        assert document is not None
        # The last increment may have been stored and not printed.
        assert document.body["total"] in (total, total + 1)
    await store.close()


async def test_with_synchronous_full_the_file_is_synced_on_each_commit(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/store.db?synchronous=full")
    await store.put("kept", "a", {}, expected_version=0)
    assert await store.get("kept", "a") is not None
    await store.close()
