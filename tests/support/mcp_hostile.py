"""Which tool server does what no honest one would? Standard library only; the first argument says what."""

import json
import os
import sys
import threading
from collections.abc import Iterator

SLOW_PATTERN = "^(a+)+$"
"""Linear in our validator; in Python's regular expressions 2^n steps for n letters that do not fit."""
TOOL = {"name": "look", "description": "", "inputSchema": {"type": "object"}}
RESULTS: dict[str, object] = {
    "slow_pattern": {"text": "a" * 40 + "!"},
    "huge_integer": {"number": 2**70},
}
FLOODS = {
    "empty_lines": b"\n" * 65_536,
    "junk": b"hello\n" * 10_000,
    "notifications": b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n' * 500,
}


def tools(mode: str) -> list[dict[str, object]]:
    if mode == "slow_pattern":
        return [TOOL | {"outputSchema": {"type": "object", "properties": {"text": {"pattern": SLOW_PATTERN}}}}]
    return [TOOL]


def pages(mode: str) -> Iterator[dict[str, object]]:
    """What it lists, page by page."""
    number = 0
    while mode in ("endless_list", "large_list"):
        number += 1
        count, text = (500, "") if mode == "endless_list" else (4, "x" * 1_000_000)
        some = [TOOL | {"name": f"t{number}_{one}", "description": text} for one in range(count)]
        yield {"tools": some, "nextCursor": str(number)}
    yield {"tools": tools(mode)}


def flood(mode: str) -> None:
    while True:
        os.write(1, FLOODS[mode])


def main(mode: str) -> None:
    listing = pages(mode)
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request or "method" not in request:
            continue
        match request["method"]:
            case "initialize":
                version = request["params"]["protocolVersion"]
                about = {"name": "hostile", "version": "1"}
                body = {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}}
            case "tools/list":
                body = {"result": next(listing)}
            case "tools/call":
                body = {"result": {"content": [], "structuredContent": RESULTS.get(mode, {"text": "here"})}}
            case _:
                body = {"error": {"code": -32601, "message": "method not found"}}
        os.write(1, json.dumps({"jsonrpc": "2.0", "id": request["id"], **body}).encode() + b"\n")
        if mode in FLOODS and request["method"] == "tools/call":
            threading.Thread(target=flood, args=(mode,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
