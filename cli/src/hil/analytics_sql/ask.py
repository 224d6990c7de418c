"""How is a question in SQL answered by a process of its own, which is killed when its time is over?"""

import signal
import subprocess
import sys
import tempfile

from hil.analytics_sql.limits import SqlAnswer, SqlQuestion

START_SECONDS = 20.0
"""For Python, DuckDB and the tables; the question's own time comes on top."""


def ask(question: SqlQuestion) -> SqlAnswer:
    """The answer; a process that is killed or dies gives an error."""
    command = [sys.executable, "-I", "-m", "hil.analytics_sql.worker"]
    with tempfile.TemporaryDirectory(prefix="hil-sql-") as folder:
        try:
            ended = subprocess.run(
                command,
                input=question.model_dump_json().encode(),
                capture_output=True,
                timeout=START_SECONDS + question.seconds,
                cwd=folder,
                env={"HOME": folder, "LANG": "C.UTF-8"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return SqlAnswer(error="it did not start and end in time")
    if ended.returncode in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        return SqlAnswer(error=f"it took longer than {question.seconds:g} s, and was ended; ask for less")
    if ended.returncode != 0:
        return SqlAnswer(error=f"it used more memory than it may, and was ended ({_said(ended.stderr)})")
    return SqlAnswer.model_validate_json(ended.stdout)


def _said(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
