"""Which dashboards are shipped, and what do they ask Prometheus?"""

from hil.grafana.panels import Dashboard, Panel, Query, Unit, Variable

PER = "[$__rate_interval]"
OVER = "[$__range]"
FLOW = '{workflow=~"$workflow"}'
GOOD = '{workflow=~"$workflow",success="true"}'
HANDED = '{workflow=~"$workflow",sink="HANDOVER"}'
MODEL = '{model=~"$model"}'
REQUESTED = '{gen_ai_request_model=~"$model"}'
QUEUE = '{queue=~"$queue"}'
MICRO = "1e6"
EACH_STEP = "In each interval of the graph."
ALL_MODELS = "Of all models, whichever are chosen."


def _rate(metric: str, by: str, per: str = PER) -> str:
    return f"sum by ({by}) (rate({metric}{per}))"


def _increase(metric: str, per: str = OVER) -> str:
    return f"sum(increase({metric}{per}))"


def _quantile(share: float, buckets: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {_rate(buckets, labels)})"


def _share(part: str, whole: str) -> str:
    """0 where the part never happened: a counter has no series before it counts."""
    return f"({_increase(part)} or vector(0)) / {_increase(whole)}"


def _share_by(by: str, part: str, whole: str) -> str:
    """Of each that has a whole."""
    all_ = _rate(whole, by)
    return f"({_rate(part, by)} or 0 * {all_}) / {all_}"


def _cost(metric: str, by: str) -> str:
    """Dollars in each step of the graph. By the rate: a step may be shorter than the time between two samples."""
    return f"{_rate(metric, by)} * $__interval_ms / 1000 / {MICRO}"


def _stat(title: str, unit: Unit, expression: str) -> Panel:
    return Panel(title, unit, (Query(expression, title),), kind="stat", width=6)


def _percentiles(title: str, buckets: str) -> Panel:
    return Panel(
        title, "s", tuple(Query(_quantile(share, buckets), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))
    )


WORKFLOWS = Dashboard(
    uid="hil-workflows",
    title="HIL / Workflows",
    description="Do the agents do their job, how fast and for how much? As analytics counts it (SPEC A3).",
    variables=(Variable("workflow", "hil_executions_total"),),
    panels=(
        _stat("Executions", "short", _increase(f"hil_executions_total{FLOW}")),
        _stat("Success rate", "percentunit", _share(f"hil_executions_total{GOOD}", f"hil_executions_total{FLOW}")),
        _stat("Handover rate", "percentunit", _share(f"hil_executions_total{HANDED}", f"hil_executions_total{FLOW}")),
        _stat("Cost", "currencyUSD", f"{_increase(f'hil_cost_microdollars_total{FLOW}')} / {MICRO}"),
        Panel(
            "Executions by workflow", "ops", (Query(_rate(f"hil_executions_total{FLOW}", "workflow")),), is_stacked=True
        ),
        Panel(
            "Success rate by workflow",
            "percentunit",
            (Query(_share_by("workflow", f"hil_executions_total{GOOD}", f"hil_executions_total{FLOW}")),),
        ),
        _percentiles("Time to the sink", f"hil_execution_seconds_bucket{FLOW}"),
        Panel(
            "Cost by workflow",
            "currencyUSD",
            (Query(_cost(f"hil_cost_microdollars_total{FLOW}", "workflow")),),
            description=EACH_STEP,
            is_stacked=True,
        ),
        Panel(
            "Handovers by reason", "ops", (Query(_rate(f"hil_executions_total{HANDED}", "reason")),), is_stacked=True
        ),
        Panel(
            "p95 by workflow",
            "s",
            (Query(_quantile(0.95, f"hil_execution_seconds_bucket{FLOW}", "workflow"), "{{workflow}}"),),
        ),
    ),
)

MODELS = Dashboard(
    uid="hil-models",
    title="HIL / Models",
    description="Do providers answer, what do completions cost, and what does the cache save?",
    variables=(Variable("model", "hil_completions_total"),),
    panels=(
        Panel(
            "Completions by outcome",
            "ops",
            (Query(_rate(f"hil_completions_total{MODEL}", "outcome")),),
            is_stacked=True,
        ),
        Panel(
            "Cost by model",
            "currencyUSD",
            (Query(_cost(f"hil_completion_cost_microdollars_total{MODEL}", "model")),),
            description=EACH_STEP,
            is_stacked=True,
        ),
        _percentiles("Time of a call", f"gen_ai_client_operation_duration_seconds_bucket{REQUESTED}"),
        Panel(
            "Tokens by type",
            "ops",
            (Query(_rate(f"gen_ai_client_token_usage_sum{REQUESTED}", "gen_ai_token_type")),),
            is_stacked=True,
        ),
        Panel(
            "Answers by cache",
            "ops",
            (Query(_rate("hil_completion_cache_total", "tier")),),
            description=ALL_MODELS,
            is_stacked=True,
        ),
        Panel(
            "Cache lookups that hit",
            "percentunit",
            (Query(_share_by("tier", 'hil_cache_lookups_total{result="hit"}', "hil_cache_lookups_total")),),
            description=ALL_MODELS,
        ),
        Panel(
            "Open breakers",
            "short",
            (Query(f"max by (model) (hil_breaker_open{MODEL})"),),
            description="1 open, 0.5 half open.",
        ),
        Panel(
            "Personal values masked",
            "ops",
            (Query(_rate("hil_masked_values_total", "kind")),),
            description=ALL_MODELS,
        ),
    ),
)

PEOPLE = Dashboard(
    uid="hil-people",
    title="HIL / People",
    description="How long do customers wait for a person, and what do people decide?",
    variables=(Variable("queue", "hil_inbox_handovers_opened_total"),),
    panels=(
        Panel(
            "Opened, claimed, ended",
            "ops",
            (
                Query(f"sum(rate(hil_inbox_handovers_opened_total{QUEUE}{PER}))", "opened"),
                Query(f"sum(rate(hil_inbox_handovers_claimed_total{QUEUE}{PER}))", "claimed"),
                Query(f"sum(rate(hil_inbox_handovers_ended_total{QUEUE}{PER}))", "ended"),
            ),
        ),
        _percentiles("Wait for a claim", f"hil_inbox_claim_seconds_bucket{QUEUE}"),
        _percentiles("Wait for the first reply", f"hil_inbox_first_reply_seconds_bucket{QUEUE}"),
        _percentiles("Time to the end", f"hil_inbox_resolution_seconds_bucket{QUEUE}"),
        Panel("Clocks that ran out", "ops", (Query(_rate(f"hil_inbox_clocks_breached_total{QUEUE}", "clock")),)),
        Panel(
            "Verdicts on approvals",
            "ops",
            (Query(_rate(f"hil_inbox_decisions_total{QUEUE}", "verdict")),),
            is_stacked=True,
        ),
        Panel("Ratings", "ops", (Query(_rate(f"hil_inbox_ratings_total{QUEUE}", "rating")),), is_stacked=True),
        Panel(
            "Drafts by what became of them",
            "ops",
            (Query(_rate(f"hil_inbox_suggestions_total{QUEUE}", "outcome")),),
            is_stacked=True,
        ),
    ),
)

PLATFORM = Dashboard(
    uid="hil-platform",
    title="HIL / Platform",
    description="Does every service handle what comes, and is there room left?",
    variables=(Variable("service", "hil_messages_total"),),
    panels=(
        Panel(
            "Messages by service",
            "ops",
            (Query(_rate('hil_messages_total{service=~"$service"}', "service")),),
            is_stacked=True,
        ),
        Panel(
            "Messages by outcome",
            "ops",
            (Query(_rate('hil_messages_total{service=~"$service"}', "outcome")),),
            description="Anything but ok for minutes is work for somebody: docs/runbook.md.",
        ),
        Panel(
            "p95 in the handler",
            "s",
            (Query(_quantile(0.95, 'hil_message_seconds_bucket{service=~"$service"}', "service"), "{{service}}"),),
        ),
        Panel(
            "Storage used",
            "percentunit",
            (Query("max(hil_storage_used_ratio)", "used"),),
            description="At 1 the log takes no more.",
        ),
        Panel("Tool calls by outcome", "ops", (Query(_rate("hil_tool_calls_total", "outcome")),), is_stacked=True),
        Panel(
            "p95 of tool calls", "s", (Query(_quantile(0.95, "hil_tool_call_seconds_bucket", "server"), "{{server}}"),)
        ),
        Panel(
            "Keys driven again",
            "ops",
            (Query("sum(rate(hil_executions_redriven_total[$__rate_interval]))", "driven again"),),
        ),
        Panel("Records not yet in the ledger", "short", (Query("sum(hil_ledger_pending_records)", "pending"),)),
    ),
)

DASHBOARDS = (WORKFLOWS, MODELS, PEOPLE, PLATFORM)
