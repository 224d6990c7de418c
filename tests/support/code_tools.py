"""Which tool runs code in a test? It runs it in this process: the tests' own code only."""

import io
from contextlib import redirect_stdout

from pydantic import JsonValue


def run(code: str, inputs: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Run Python that finds `inputs` and binds `result`."""
    names: dict[str, JsonValue] = {"inputs": inputs, "result": None}
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    return {"result": names["result"], "stdout": printed.getvalue(), "files": {}}
