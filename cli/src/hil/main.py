"""Which commands does `hil` have?

One module per command or group of commands; each is registered here by one line.
"""

from hil.bench.commands import bench
from hil.demo.command import demo
from hil.inspect_command import inspect, replay_key
from hil.outcome import HilApp
from hil.up import up

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
app.command("inspect")(inspect)
app.command("replay")(replay_key)
app.add_typer(bench, name="bench")
