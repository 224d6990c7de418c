"""A receiver of Alertmanager's webhooks can read what analytics sends."""

from tests.support.samples import FOLDER

from analytics.domain.alert_payload import NO_END, payload
from contracts.alerts import AlertChanged

FIRING = AlertChanged.model_validate_json((FOLDER / f"{AlertChanged.route.type}.json").read_bytes())


def test_a_firing_alert_has_a_start_and_no_end() -> None:
    sent = payload("acme", FIRING)
    [alert] = sent["alerts"]
    assert (sent["version"], sent["status"], alert["status"]) == ("4", "firing", "firing")
    assert alert["labels"] == {
        "alertname": "HilErrorBudgetBurn",
        "severity": "critical",
        "tenant": "acme",
        "workflow": "order_cancellation",
        "slo": "success_rate",
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T00:04:00.000Z", NO_END)
    assert "error budget of success_rate (success_rate >= 0.95)" in alert["annotations"]["summary"]


def test_every_other_phase_is_its_end_and_of_the_same_alert() -> None:
    over = FIRING.model_copy(update={"before": "firing", "after": "resolved", "at_ms": FIRING.at_ms + 60_000})
    begun, ended = payload("acme", FIRING)["alerts"][0], payload("acme", over)["alerts"][0]
    assert (ended["status"], ended["endsAt"]) == ("resolved", "2026-01-01T00:05:00.000Z")
    assert (begun["fingerprint"], begun["startsAt"]) == (ended["fingerprint"], ended["startsAt"])
    assert payload("globex", FIRING)["alerts"][0]["fingerprint"] != begun["fingerprint"]


def test_a_condition_is_said_as_it_is_declared() -> None:
    bound = FIRING.model_copy(update={"kind": "bound", "condition": "p95_latency_ms > 20000", "firing_since_ms": None})
    [alert] = payload("acme", bound)["alerts"]
    assert alert["labels"]["alertname"] == "HilBoundMet"
    assert alert["annotations"]["summary"] == "order_cancellation: p95_latency_ms > 20000"
    assert alert["startsAt"] == "2026-01-01T00:04:00.000Z"
