"""How does an experiment look: differences with their intervals, and how they narrowed down?"""

from collections.abc import Iterator, Sequence
from html import escape

from analytics.api.experiments import ExperimentReport
from analytics.domain.compare_arms import MetricFinding
from analytics.domain.judge_experiment import Comparison
from hil.experiment_text import WORDS, held, interval, report_text, shown, time_of

WIDTH, LEFT, RIGHT, ROW, CHART = 860, 190, 620, 34, 170
REASONS_MAX, CHARACTERS_MAX = 6, 118
STYLE = """
  text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1a1e25; }
  .title { font-size: 18px; font-weight: 600; } .muted { fill: #565f6d; } .small { font-size: 11px; }
  .better { fill: #146c43; stroke: #146c43; } .worse { fill: #b02a1d; stroke: #b02a1d; }
  .unclear { fill: #565f6d; stroke: #565f6d; } text.better, text.worse, text.unclear { stroke: none; }
  .band { fill: #2456c4; opacity: 0.18; } .mean { fill: none; stroke: #2456c4; stroke-width: 2; }
  .zero { stroke: #868e9b; stroke-dasharray: 3 3; } .bar { stroke-width: 4; stroke-linecap: round; }
"""
VERDICT_CLASS = {"pass": "better", "fail": "worse", "inconclusive": "unclear"}


class Sheet:
    """Lines of SVG from top to bottom; `y` is where the next one goes."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 34.0

    def text(self, x: float, text: str, *, kind: str = "", anchor: str = "start") -> None:
        """One line of text at the present height."""
        known = f'class="{kind}" ' if kind else ""
        self.parts.append(f'<text {known}x="{x:.1f}" y="{self.y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def line(self, ends: tuple[float, float], *, kind: str, at: float) -> None:
        """A level line between two places."""
        self.parts.append(f'<line class="{kind}" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>')


def picture_of(found: ExperimentReport) -> str:
    """A whole SVG document, which needs nothing from elsewhere."""
    sheet = Sheet()
    _head(sheet, found)
    for comparison in found.report.comparisons:
        _forest(sheet, comparison)
        _guardrails(sheet, comparison)
        _history(sheet, found, comparison)
    body, height = "\n".join(sheet.parts), sheet.y + 10
    title = escape(f"{found.experiment.name}: {WORDS[found.report.verdict]}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{title}">\n<title>{title}</title>\n'
        f'<style>{STYLE}</style>\n<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def page_of(found: ExperimentReport) -> str:
    """The same as a page, with the report in words."""
    title = escape(f"Experiment {found.experiment.name}")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        "<style>body { margin: 24px; } svg { max-width: 100%; height: auto; } pre { overflow-x: auto; }</style>\n"
        f"<main>\n<h1>{title}</h1>\n{picture_of(found)}<pre>{escape(report_text(found))}</pre>\n</main>\n</html>\n"
    )


def _head(sheet: Sheet, found: ExperimentReport) -> None:
    experiment, report = found.experiment, found.report
    sheet.text(20, f"{experiment.name} on {experiment.workflow}"[:70], kind="title")
    sheet.text(WIDTH - 20, WORDS[report.verdict], kind=f"title {VERDICT_CLASS[report.verdict]}", anchor="end")
    sheet.y += 24
    arms = ", ".join(f"{arm.version}: {arm.conversations:,} conversations" for arm in report.arms)
    split = "not split as declared" if report.sample_ratio.is_mismatch else "split as declared"
    sheet.text(20, _cut(f"from {time_of(experiment.started_ms)} UTC; {split}; {arms}"), kind="muted")
    for reason in report.reasons[:REASONS_MAX]:
        sheet.y += 20
        sheet.text(20, _cut(reason.text))
    sheet.y += 34


def _cut(text: str) -> str:
    """At most a line of the picture."""
    return text if len(text) <= CHARACTERS_MAX else f"{text[: CHARACTERS_MAX - 1]}…"


def _forest(sheet: Sheet, comparison: Comparison) -> None:
    """Each metric with its interval around no difference, each in a scale of its own."""
    sheet.text(20, f"{comparison.version} against {comparison.control}")
    sheet.text(RIGHT + 20, "difference, true at all looks", kind="muted small")
    sheet.y += 10
    for one in comparison.metrics:
        sheet.y += ROW
        middle = sheet.y - 4
        sheet.text(20, one.metric)
        sheet.text(RIGHT + 20, interval(one), kind=f"small {one.finding}")
        _interval(sheet, one, middle)
    sheet.y += ROW


def _interval(sheet: Sheet, one: MetricFinding, middle: float) -> None:
    zero = (LEFT + RIGHT) / 2
    sheet.parts.append(f'<line class="zero" x1="{zero}" x2="{zero}" y1="{middle - 14:.1f}" y2="{middle + 14:.1f}"/>')
    if one.low is None or one.high is None or one.difference is None:
        return
    reach = max(abs(one.low), abs(one.high)) or 1.0
    low, high, mean = (zero + value / reach * (RIGHT - LEFT) / 2 for value in (one.low, one.high, one.difference))
    sheet.line((low, high), kind=f"bar {one.finding}", at=middle)
    sheet.parts.append(f'<circle class="{one.finding}" cx="{mean:.1f}" cy="{middle:.1f}" r="6"/>')


def _guardrails(sheet: Sheet, comparison: Comparison) -> None:
    for one in comparison.guardrails:
        sheet.text(20, f"guardrail {one.metric}", kind="small muted")
        values = f"{shown(one.metric, one.control)} to {shown(one.metric, one.treatment)}, {one.tolerance:.0%} allowed"
        sheet.text(LEFT, values, kind="small muted")
        sheet.text(RIGHT + 20, held(one), kind=f"small {'worse' if one.is_breached else 'unclear'}")
        sheet.y += 18
    sheet.y += 16


def _history(sheet: Sheet, found: ExperimentReport, comparison: Comparison) -> None:
    """The interval of each metric over the time of the experiment."""
    points = [point for point in found.history if point.version == comparison.version]
    for number, metric in enumerate(found.experiment.metrics):
        known = [(point.at_ms, point.metrics[number]) for point in points if point.metrics[number].low is not None]
        if len(known) > 1:
            _band(sheet, metric, known)


def _band(sheet: Sheet, metric: str, known: Sequence[tuple[int, MetricFinding]]) -> None:
    values = [value for _, one in known for value in (one.low or 0.0, one.high or 0.0)]
    least, most = min(0.0, *values), max(0.0, *values)
    top, first_ms, last_ms = sheet.y + 14, known[0][0], known[-1][0]

    def x(at_ms: int) -> float:
        return LEFT + (at_ms - first_ms) / max(1, last_ms - first_ms) * (WIDTH - 20 - LEFT)

    def y(value: float) -> float:
        return top + CHART - (value - least) / ((most - least) or 1.0) * CHART

    sheet.text(20, f"{metric} over time")
    for value in {least, 0.0, most}:
        sheet.y = y(value) + 4
        told = shown(metric, value, sign="+") if value else "0"
        sheet.text(LEFT - 10, told, kind="small muted", anchor="end")
    edge = [*((at, one.low or 0.0) for at, one in known), *((at, one.high or 0.0) for at, one in reversed(known))]
    sheet.parts.append(f'<polygon class="band" points="{_points((x(at), y(v)) for at, v in edge)}"/>')
    mean = ((x(at), y(one.difference or 0.0)) for at, one in known)
    sheet.parts.append(f'<polyline class="mean" points="{_points(mean)}"/>')
    sheet.line((LEFT, WIDTH - 20), kind="zero", at=y(0.0))
    sheet.y = top + CHART + 18
    sheet.text(LEFT, time_of(first_ms), kind="small muted")
    sheet.text(WIDTH - 20, time_of(last_ms), kind="small muted", anchor="end")
    sheet.y += 30


def _points(places: Iterator[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
