"""python -m hil.bench.adder_server: an MCP server with two tools, as the SDK's own documentation writes them."""

import time

from mcp.server import MCPServer

server = MCPServer("adder")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def hang(number: int) -> int:
    """Keep the server busy for a minute."""
    time.sleep(60)
    return number


if __name__ == "__main__":
    server.run("stdio")
