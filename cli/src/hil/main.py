"""Which commands does `hil` have?

One module per command or group of commands; each is registered here by one line.
"""

from hil.bench.commands import bench
from hil.demo.command import demo
from hil.dlq_commands import dlq_app
from hil.inspect_command import inspect, replay_key
from hil.llm_commands import llm_app
from hil.outcome import HilApp
from hil.sandbox_commands import sandbox_app
from hil.send_command import send, stop
from hil.tool_commands import tool_app
from hil.up import up
from hil.workflow_commands import workflow_app

app = HilApp(
    name="hil",
    help="Run and operate the HIL Agent System.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def hil() -> None:
    """Run and operate the HIL Agent System.

    Exit status: 0 done, 1 it failed, 2 wrong usage or input, 3 the system does not answer.
    """


app.command("up")(up)
app.command("demo")(demo)
app.command("send")(send)
app.command("stop")(stop)
app.add_typer(workflow_app, name="workflow")
app.add_typer(dlq_app, name="dlq")
app.command("inspect")(inspect)
app.command("replay")(replay_key)
app.add_typer(llm_app, name="llm")
app.add_typer(tool_app, name="tool")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(bench, name="bench")
