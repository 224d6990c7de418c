"""Which commands does `hil` have?

One module per command or group of commands; each is registered here by one line.
"""

from hil.lazy_commands import lazy_group
from hil.outcome import HilApp

COMMANDS = {
    "up": "hil.up:up",
    "demo": "hil.demo.command:demo",
    "send": "hil.send_command:send",
    "stop": "hil.send_command:stop",
    "eval": "hil.eval.commands:eval_app",
    "workflow": "hil.workflow_commands:workflow_app",
    "experiment": "hil.experiment_commands:experiment_app",
    "dlq": "hil.dlq_commands:dlq_app",
    "inspect": "hil.inspect_command:inspect",
    "replay": "hil.inspect_command:replay_key",
    "llm": "hil.llm_commands:llm_app",
    "tool": "hil.tool_commands:tool_app",
    "sandbox": "hil.sandbox_commands:sandbox_app",
    "report": "hil.report.command:report",
    "inbox": "hil.inbox_commands:inbox_app",
    "analytics": "hil.analytics_commands:analytics_app",
    "desktop": "hil.desktop.commands:desktop_app",
    "bench": "hil.bench.commands:bench",
}

app = HilApp(
    name="hil",
    help="Run and operate the HIL Agent System.",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def hil() -> None:
    """Run and operate the HIL Agent System.

    Exit status: 0 done, 1 it failed, 2 wrong usage or input, 3 the system does not answer.
    """
