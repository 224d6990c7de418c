"""Does `hil report` write a page that says what the API says, that anybody can read and print?"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from click.testing import Result
from playwright.sync_api import Browser, expect
from typer.testing import CliRunner

from hil.main import app
from tests.support.browser import CONTRAST, opened, violations
from tests.support.dashboard_answers import everything
from tests.support.dashboard_server import DashboardServer, dashboard_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with dashboard_server(tmp_path_factory.mktemp("report"), days=1) as server:
        yield server


@pytest.fixture(autouse=True)
def address(server: DashboardServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers.clear()
    monkeypatch.setenv("HIL_ANALYTICS_URL", server.url)


def run(*arguments: str) -> Result:
    """In a thread: the browser's driver has the event loop of this one."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(CliRunner().invoke, app, ["report", *arguments]).result()


def test_a_report_says_what_the_api_says_and_reads_well_light_dark_and_printed(
    browser: Browser, server: DashboardServer, tmp_path: Path
) -> None:
    server.answers.update(everything(server.now_ms))
    file = tmp_path / "report.html"
    done = run("--html", str(file), "--workflow", "returns")
    assert done.exit_code == 0, done.output
    total = next(body for _, body in server.asked if body["metrics"][-1] == "cost_usd" and not body["dimensions"])
    [row] = requests.post(f"{server.url}/v1/query", json=total, timeout=10).json()["rows"]
    page = opened(browser, file.as_uri())
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    expect(page.locator("dd").first).to_have_text(f"{row['executions']:,}")
    expect(page.get_by_role("img")).to_have_count(4)
    expect(page.get_by_role("row", name="2.3.1")).to_be_visible()
    for title in ("Promises, as they are kept now", "What it was worth", "Experiments", "Evaluations"):
        expect(page.get_by_role("region", name=title)).to_be_visible()
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += violations(page, CONTRAST)
    assert found == []
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert problems == []
    page.context.close()


def test_an_empty_period_is_a_report_too(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = run("--html", str(file), "--from", "2025-01-01", "--to", "2025-01-02T00:00:00+01:00")
    assert done.exit_code == 0, done.output
    assert "0 executions from 2025-01-01 00:00 to 2025-01-01 23:00 UTC" in done.output
    assert "Nothing was counted in this period." in file.read_text()


def test_a_report_names_the_period_of_its_figures_which_begins_with_a_bucket(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = run("--html", str(file), "--from", "2025-01-01T08:47:30", "--to", "2025-01-03")
    assert "0 executions from 2025-01-01 08:00 to 2025-01-03 00:00 UTC" in done.output
    assert "01 January 2025 08:00 to 03 January 2025 00:00 UTC" in file.read_text()
    done = run("--html", str(file), "--from", "2025-01-01T08:00", "--to", "2025-01-21")
    assert "<title>Report 2025-01-01 to 2025-01-21</title>" in file.read_text()
    assert "from 2025-01-01 00:00 to" in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "yesterday"), "--from 'yesterday' is no time such as"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "has to be 1 minute to 400 days before"),
        (("--from", "2020-01-01"), "has to be 1 minute to 400 days before"),
    ],
)
def test_a_period_that_cannot_be_is_refused_with_its_limit(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    done = run("--html", str(tmp_path / "x.html"), *arguments)
    assert told in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "HIL_ANALYTICS_TOKEN holds the token"),
        (403, "HIL_ANALYTICS_TOKEN holds the token"),
        (422, "analytics refuses /v1/query (422): from: too much"),
        (503, "analytics refuses /v1/query (503)"),
        (404, "is no analytics"),
    ],
)
def test_what_the_service_refuses_is_told_and_an_older_report_stays(
    status: int, told: str, server: DashboardServer, tmp_path: Path
) -> None:
    body = {"error": "invalid_request", "problems": [{"field": "from", "problem": "too much"}]}
    server.answers["POST /v1/query"] = (status, body)
    file = tmp_path / "x.html"
    file.write_text("older")
    done = run("--html", str(file))
    assert told in str(done.exception)
    assert file.read_text() == "older"


def test_nothing_that_answers_and_no_place_to_write_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "cannot be written" in str(run("--html", str(tmp_path / "no" / "x.html")).exception)
    monkeypatch.setenv("HIL_ANALYTICS_URL", "http://127.0.0.1:9")
    assert "no analytics answers at http://127.0.0.1:9" in str(run("--html", str(tmp_path / "x.html")).exception)
    assert list(tmp_path.iterdir()) == []
