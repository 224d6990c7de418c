"""python -m hil.bench.adder_server: an MCP server with one tool, as the SDK's own documentation writes it."""

from mcp.server import MCPServer

server = MCPServer("adder")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    server.run("stdio")
