"""Which tool server writes down its effects, once for each key? MCP over stdio; `python effects_server.py FILE`.

The lock makes look and write one step, also when an old process of this server still ends while a new one runs."""

import fcntl
import hashlib
import json
import sys
from pathlib import Path

TOOL = {
    "name": "append",
    "description": "Append a value to the file.",
    "inputSchema": {
        "type": "object",
        "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
        "required": ["value"],
        "additionalProperties": False,
    },
}


def append(path: Path, arguments: dict[str, str]) -> dict[str, int]:
    """One effect; none if the key has had its effect."""
    key, value = arguments.get("key"), arguments["value"]
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if key is None or all(json.loads(line)["key"] != key for line in file):
            file.write(json.dumps({"key": key, "value": value}) + "\n")
            file.flush()
    return {"number": int.from_bytes(hashlib.sha256(value.encode()).digest()[:6], "big") % 10}


def answer(path: Path, method: str, params: dict[str, object]) -> dict[str, object] | None:
    match method:
        case "initialize":
            return {
                "protocolVersion": params.get("protocolVersion", "2025-06-18"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "effects", "version": "1"},
            }
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            result = append(path, params["arguments"])  # type: ignore[arg-type]
            return {"content": [{"type": "text", "text": json.dumps(result)}], "structuredContent": result}
        case "ping":
            return {}
    return None


def main(path: Path) -> None:
    """Answer one request after the other until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(path, request["method"], request.get("params") or {})
        unknown = {"error": {"code": -32601, "message": "method not found"}}
        body = unknown if result is None else {"result": result}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **body}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
