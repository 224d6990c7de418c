"""Which tool server counts its effects, hangs, crashes and floods when asked to? Standard library only.

`python -m tests.support.mcp_counter`, or run the file. Effects are lines of the file `COUNTER_FILE`."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

Arguments = dict[str, object]
NUMBER, TEXT = {"type": "number"}, {"type": "string"}


def effects(path: Path) -> list[dict[str, object]]:
    """All effects so far, in order."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add(arguments: Arguments) -> object:
    return {"sum": arguments["a"] + arguments["b"]}  # type: ignore[operator]


def append(arguments: Arguments) -> object:
    """One effect; none if the key has had its effect. Answers after `hold_ms`."""
    path, key = Path(os.environ["COUNTER_FILE"]), arguments.get("key")
    known = effects(path)
    if key is None or all(effect["key"] != key for effect in known):
        with path.open("a") as file:
            file.write(json.dumps({"key": key, "value": arguments["value"]}) + "\n")
            file.flush()
            os.fsync(file.fileno())
    time.sleep(float(arguments.get("hold_ms", 0)) / 1000)  # type: ignore[arg-type]
    return {"value": arguments["value"], "effects_before": len(known)}


def look(arguments: Arguments) -> object:
    """Changes nothing, but each look is counted beside the effects."""
    path = Path(os.environ["COUNTER_FILE"] + ".looks")
    with path.open("a") as file:
        file.write("look\n")
    time.sleep(float(arguments.get("hold_ms", 0)) / 1000)  # type: ignore[arg-type]
    return {"looks": len(path.read_text().splitlines())}


def slow(arguments: Arguments) -> object:
    time.sleep(float(arguments["ms"]) / 1000)  # type: ignore[arg-type]
    return {"slept_ms": arguments["ms"]}


def crash(_: Arguments) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def big(arguments: Arguments) -> object:
    return {"text": "x" * int(arguments["bytes"])}  # type: ignore[call-overload]


def fail(arguments: Arguments) -> object:
    raise ValueError(str(arguments["text"]))


def environment(_: Arguments) -> object:
    return {"names": sorted(os.environ)}


TOOLS: dict[str, tuple[Callable[[Arguments], object], dict[str, object], list[str]]] = {
    "add": (add, {"a": NUMBER, "b": NUMBER}, ["a", "b"]),
    "append": (append, {"key": TEXT, "value": TEXT, "hold_ms": NUMBER}, ["value"]),
    "look": (look, {"hold_ms": NUMBER}, []),
    "slow": (slow, {"ms": NUMBER}, ["ms"]),
    "crash": (crash, {}, []),
    "big": (big, {"bytes": NUMBER}, ["bytes"]),
    "fail": (fail, {"text": TEXT}, ["text"]),
    "environment": (environment, {}, []),
    "hidden": (add, {}, []),
}


def listed() -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "description": f"{name} of the counter",
            "inputSchema": {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": False,
            },
        }
        for name, (_, properties, required) in TOOLS.items()
    ]


def called(params: dict[str, object]) -> dict[str, object]:
    function = TOOLS[str(params["name"])][0]
    try:
        payload, is_error = function(params.get("arguments") or {}), False  # type: ignore[arg-type]
    except ValueError as error:
        payload, is_error = {"error": str(error)}, True
    text = json.dumps(payload)
    return {"content": [{"type": "text", "text": text}], "structuredContent": payload, "isError": is_error}


def answer(method: str, params: dict[str, object]) -> dict[str, object] | None:
    match method:
        case "initialize":
            return {
                "protocolVersion": params.get("protocolVersion", "2025-06-18"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "counter", "version": "1"},
            }
        case "tools/list":
            return {"tools": listed()}
        case "tools/call":
            return called(params)
        case "ping":
            return {}
    return None


def main() -> None:
    """Answer one request after the other until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request["method"], request.get("params") or {})
        unknown = {"error": {"code": -32601, "message": "method not found"}}
        body = unknown if result is None else {"result": result}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **body}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
