"""What does analytics answer about promises, experiments, evaluations and KPIs, as a page test can count on it?"""

from urllib.parse import quote

HOSTILE = "<img src=x onerror=alert(1)>"
Answer = tuple[int, object]


def alert(phase: str, slo: str, now_ms: int, **fields: object) -> dict[str, object]:
    return {
        "id": f"acme/returns/{slo}/{phase}",
        "tenant": "acme",
        "workflow": "returns",
        "slo": slo,
        "severity": "critical",
        "kind": "burn",
        "condition": "burn rate > 14.4 over 1 h and 5 min",
        "phase": phase,
        "since_ms": now_ms - 1_500_000,
        "judged_ms": now_ms,
        "routed": True,
        **fields,
    }


def slo(name: str, objective: str, **fields: object) -> dict[str, object]:
    return {
        "tenant": "acme",
        "workflow": "returns",
        "version": "2.4.0",
        "slo": name,
        "objective": objective,
        "window_seconds": 2_592_000,
        "minimum_events": 50,
        "measured": 0.962,
        "events": 4_213,
        "budget": 0.05,
        "budget_left": 0.24,
        "holds": True,
        "alerts": [],
        **fields,
    }


def promises(now_ms: int, name: str = HOSTILE) -> dict[str, Answer]:
    """Some kept, some broken, one unmeasured, one whose name is an attack."""
    firing = alert("firing", "success_rate", now_ms)
    slos = [
        slo("success_rate", "success_rate >= 0.95", alerts=[firing]),
        slo(
            "p95_latency_ms", "p95_latency_ms <= 15000", measured=5_930.0, budget_left=0.91, workflow="customer_support"
        ),
        slo(
            "handover_rate",
            "handover_rate <= 0.1",
            measured=0.117,
            budget_left=-0.17,
            holds=False,
            workflow="customer_support",
        ),
        slo(name, "cost_per_request <= 0.15", measured=None, events=3, budget=None, budget_left=None, holds=None),
    ]
    alerts = [
        firing,
        alert("pending", "handover_rate", now_ms, severity="warning", kind="bound", condition="handover_rate > 0.2"),
        alert("ok", "p95_latency_ms", now_ms, condition="p95_latency_ms > 20000"),
        alert("no_data", name, now_ms, routed=False, since_ms=None),
    ]
    points = [
        {"at_ms": now_ms - hour * 3_600_000, "left": 0.24 + 0.76 * (hour / 720) ** 0.5} for hour in range(720, -1, -6)
    ]
    return {
        "GET /v1/slos": (200, {"slos": slos}),
        "GET /v1/alerts": (200, {"alerts": alerts}),
        f"GET /v1/slos/acme/returns/{quote('success_rate')}/burn-down": (
            200,
            {"points": points, "window_seconds": 2_592_000},
        ),
    }


def experiments(now_ms: int) -> dict[str, Answer]:
    """One that was decided; the interval of its metric closed in over 14 days."""
    day = 86_400_000
    arms = [
        {"version": "2.3.1", "content_hash": "a" * 64, "percent": 50},
        {"version": "2.4.0", "content_hash": "b" * 64, "percent": 50},
    ]
    listed = {
        "tenant": "acme",
        "name": "shorter-prompt",
        "workflow": "returns",
        "arms": arms,
        "metrics": ["success_rate"],
        "guardrails": [{"metric": "cost_usd", "tolerance": 0.05}],
        "conversations_min": 500,
        "started_ms": now_ms - 14 * day,
        "stopped_ms": None,
        "state": "running",
    }

    def finding(difference: float, half: float) -> dict[str, object]:
        return {
            "metric": "success_rate",
            "control": 0.941,
            "treatment": 0.941 + difference,
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "relative": difference / 0.941,
            "finding": "better" if difference > half else "unclear",
        }

    guarded = {
        "metric": "cost_usd",
        "tolerance": 0.05,
        "control": 0.00612,
        "treatment": 0.00598,
        "harm_low": -0.0006,
        "is_breached": False,
    }
    reasons = [{"code": "metric_better", "text": "success_rate is better by 0.021 (0.006 to 0.036)."}]
    report = {
        "verdict": "pass",
        "reasons": reasons,
        "sample_ratio": {
            "expected": {"2.3.1": 0.5, "2.4.0": 0.5},
            "counted": {"2.3.1": 3021, "2.4.0": 2987},
            "p_value": 0.9,
            "is_mismatch": False,
        },
        "arms": [
            {"version": "2.3.1", "percent": 50, "conversations": 3021, "ended": 2990, "means": {"success_rate": 0.941}},
            {"version": "2.4.0", "percent": 50, "conversations": 2987, "ended": 2950, "means": {"success_rate": 0.962}},
        ],
        "comparisons": [
            {
                "version": "2.4.0",
                "control": "2.3.1",
                "verdict": "pass",
                "reasons": reasons,
                "metrics": [finding(0.021, 0.015)],
                "guardrails": [guarded],
            }
        ],
    }
    history = [
        {
            "at_ms": now_ms - (14 - number) * day,
            "version": "2.4.0",
            "conversations": 430 * number,
            "metrics": [finding(0.021, 0.06 / number**0.5)],
        }
        for number in range(1, 15)
    ]
    return {
        "GET /v1/experiments": (200, {"experiments": [listed]}),
        "GET /v1/experiments/acme/shorter-prompt": (
            200,
            {"experiment": listed, "report": report, "history": history, "as_of_seq": 9, "is_complete": True},
        ),
    }


def evaluations(now_ms: int) -> dict[str, Answer]:
    """Eight of one suite, of which the last regressed, and one of another."""

    def evaluation(number: int, **fields: object) -> dict[str, object]:
        rate = (0.88, 0.9, 0.91, 0.95, 0.96, 0.97, 0.97, 0.91)[number]
        return {
            "suite": "retail_train",
            "workflow": "retail",
            "version": f"1.{number}.0",
            "replayed": False,
            "cases": 74,
            "trials": 296,
            "started_ms": now_ms - 1,
            "finished_ms": now_ms - (7 - number) * 86_400_000,
            "figures": {
                "pass_rate": rate,
                "pass_k": [rate, rate**1.5, rate**2, rate**2.4],
                "success_rate": min(1, rate + 0.02),
                "handover_rate": 0.05,
                "intervention_rate": 0.05,
                "cost_per_request": 0.0121,
                "p95_latency_ms": 11_800.0,
            },
            "verdict": "regressed" if number == 7 else "passed",
            "findings": ["pass_rate was 0.97, is 0.91, allowed 0.97"] if number == 7 else [],
            "tenant": "acme",
            "evaluation_id": f"e{number}",
            "sequence": number,
            **fields,
        }

    rows = [evaluation(number) for number in range(7, -1, -1)]
    rows.append(evaluation(0, suite="returns_smoke", workflow="returns", verdict="not_judged", replayed=True))
    return {"GET /v1/evaluations": (200, {"evaluations": rows, "next_cursor": None})}


def kpis(now_ms: int) -> dict[str, Answer]:
    """A week against the one before."""

    def figures(share: float) -> dict[str, object]:
        return {
            "executions": 4_120,
            "unaided": int(4_120 * share),
            "time_saved_ms": int(1_020_000_000 * share),
            "cost_microdollars": 24_700_000,
            "cost_saved_microdollars": int(7_060_000_000 * share),
            "revenue_micros": {"EUR": 8_412_500_000},
            "events": {
                "revenue": {"count": 131, "sums_micros": {"EUR": 8_412_500_000}},
                "conversion": {"count": 140, "sums_micros": {"none": 140_000_000}},
            },
            "csat": {
                "ai_only": {"ratings": 412, "mean": 4.31, "satisfied_share": 0.86},
                "handed_over": {"ratings": 77, "mean": 3.92, "satisfied_share": 0.71},
            },
            "rates": {
                "unaided_share": {"value": share, "low": share - 0.01, "high": share + 0.01},
                "time_saved_ms_per_execution": {
                    "value": 247_000.0 * share,
                    "low": 243_000.0 * share,
                    "high": 250_000.0 * share,
                },
                "cost_saved_microdollars_per_execution": {
                    "value": 1_713_000.0 * share,
                    "low": 1_690_000.0 * share,
                    "high": 1_731_000.0 * share,
                },
                "revenue_micros_per_execution.EUR": {"value": 2_041_000.0, "low": 1_700_000.0, "high": 2_380_000.0},
                "csat_mean.ai_only": {"value": 4.31, "low": None, "high": None},
            },
        }

    moved = {
        "unaided_share": {"difference": 0.03, "low": 0.016, "high": 0.044, "is_clear": True},
        "time_saved_ms_per_execution": {"difference": 7_400.0, "low": -900.0, "high": 15_700.0, "is_clear": False},
        "cost_saved_microdollars_per_execution": {
            "difference": 51_000.0,
            "low": 8_000.0,
            "high": 94_000.0,
            "is_clear": True,
        },
    }
    week = 7 * 86_400_000
    now = {"from_ms": now_ms - week, "to_ms": now_ms, "version": None, "figures": figures(0.88)}
    before = {
        "from_ms": now_ms - 2 * week,
        "to_ms": now_ms - week,
        "version": None,
        "figures": figures(0.85),
        "differences": moved,
    }
    return {
        "GET /v1/kpis": (
            200,
            {"workflow": None, "baseline": None, "as_of_seq": 9, "is_complete": True, "period": now, "against": before},
        )
    }


def patterns(now_ms: int) -> dict[str, Answer]:
    """One that goes on."""
    place = {"tenant": "acme", "workflow": "returns", "node": "check_eligibility", "error_class": "timeout"}
    told = {"opened_ms": now_ms - 1_200_000, "closed_ms": 0, "window_ms": 600_000, "runs": 31, "failures": 14}
    row = {**place, **told, "base_rate": 0.021, "examples": ["c81", "c97"], "is_open": True}
    return {"GET /v1/patterns": (200, {"patterns": [row], "next_cursor": None})}


def everything(now_ms: int, *, attack: bool = True) -> dict[str, Answer]:
    """All that is not counted from messages; with a name that is an attack, or a plain one."""
    return {
        **promises(now_ms, HOSTILE if attack else "cost_per_request"),
        **experiments(now_ms),
        **evaluations(now_ms),
        **kpis(now_ms),
        **patterns(now_ms),
    }
