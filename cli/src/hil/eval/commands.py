"""`hil eval …`: play a suite, bless a baseline, and stop a release that is worse."""

import typer

from hil.eval.capture_command import capture, execution
from hil.eval.gate_commands import bless, gate, publish_results
from hil.eval.run_command import run

eval_app = typer.Typer(
    help="Measure workflows on suites of cases, and hold releases to a baseline.", no_args_is_help=True
)

eval_app.command("run")(run)
eval_app.command("bless")(bless)
eval_app.command("gate")(gate)
eval_app.command("publish")(publish_results)
eval_app.command("execution")(execution)
eval_app.command("capture")(capture)
