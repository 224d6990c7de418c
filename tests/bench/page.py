"""`python -m tests.bench.page`: does the page stay quick with 5,000 open handovers, and under 300 updates a second?

The page is the real one, in Chromium; it talks to the API in memory of its own tests, so that only
the page is measured.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.browser import running_browser
from tests.support.inbox_page_server import PageServer, page_server

FRAME_MS = 1000 / 60
LIMITS = {"first_paint_ms": 1000.0, "update_ms_p95": 50.0, "list_rows_in_dom": 200.0, "frames_dropped_share": 0.05}
# The clock of an update starts when the browser has it, and stops when the list has changed and a frame is due.
WATCH = """
  window.marks = {painted: 0, arrived: 0, applied: []};
  const watch = new MutationObserver(() => {
    if (!marks.painted && document.querySelector("[data-row]")) {
      marks.painted = -1;
      requestAnimationFrame(() => setTimeout(() => { marks.painted = performance.now(); }));
    }
    if (marks.arrived && document.querySelector("[data-row]")?.textContent.includes(marks.wanted)) {
      marks.applied.push(performance.now() - marks.arrived);
      marks.arrived = 0;
    }
  });
  watch.observe(document, {childList: true, subtree: true, characterData: true});
  window.EventSource = class extends EventSource {
    addEventListener(name, listener) {
      super.addEventListener(name, (event) => {
        const isWanted = name === "change" && marks.wanted && !marks.arrived && event.data.includes(marks.wanted);
        if (isWanted) marks.arrived = performance.now();
        listener(event);
      });
    }
  };
"""
FRAMES = """seconds => new Promise((done) => {
  const times = [];
  const start = performance.now();
  const frame = (now) => {
    times.push(now);
    if (now - start < seconds * 1000) requestAnimationFrame(frame);
    else done(times.slice(1).map((time, index) => time - times[index]));
  };
  requestAnimationFrame(frame);
})"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON; 1 if a limit is not kept."""
    asked = _arguments().parse_args(arguments)
    load = os.getloadavg()[0]
    with running_browser() as browser:
        figures = measure(browser, asked)
    figures |= {"load_before": round(load, 2), "load_after": round(os.getloadavg()[0], 2), "cores": os.cpu_count()}
    broken = {name: figures[name] for name, limit in LIMITS.items() if figures[name] >= limit}
    for name, value in figures.items():
        limit = f"   below {LIMITS[name]:g}" if name in LIMITS else ""
        print(f"{name:<28} {value}{limit}{'   NOT KEPT' if name in broken else ''}")
    if asked.json:
        asked.json.write_text(json.dumps({**figures, "broken": broken}, indent=2) + "\n")
    return int(bool(broken))


def measure(browser: Browser, asked: argparse.Namespace) -> dict[str, Any]:
    """All figures by their names."""
    with page_server(handovers=asked.rows, approvals=0) as server:
        paints = [first_paint(browser, server) for _ in range(asked.loads)]
        page = opened_with_marks(browser, server)
        updates = [update(page, server, number) for number in range(asked.updates)]
        shown = page.locator("[data-row]").count()
        nodes = page.evaluate("document.querySelectorAll('*').length")
        quiet = dropped(page.evaluate(FRAMES, 2.0))
        busy = under_load(page, server, asked)
        page.context.close()
    return {
        "rows": asked.rows,
        "first_paint_ms": round(statistics.median(paints), 1),
        "first_paint_ms_max": round(max(paints), 1),
        "update_ms_median": round(statistics.median(updates), 1),
        "update_ms_p95": round(_percentile(updates, 95), 1),
        "list_rows_in_dom": shown,
        "elements_in_dom": nodes,
        "frames_dropped_share_idle": round(quiet, 4),
        **busy,
    }


def opened_with_marks(browser: Browser, server: PageServer) -> Page:
    """The page with all rows of the queue, watched from its first line of script on."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(server.url)
    page.locator(f'[aria-rowcount="{len(server.rows)}"]').wait_for()
    page.locator(".connection-live").wait_for()
    return page


def first_paint(browser: Browser, server: PageServer) -> float:
    """From the navigation to the frame in which the first rows are shown."""
    page = opened_with_marks(browser, server)
    painted = page.evaluate("marks.painted")
    page.context.close()
    return float(painted)


def update(page: Page, server: PageServer, number: int) -> float:
    """From the arrival of a change to its text in the list."""
    wanted = f"Customer number {number} of the bench"
    page.evaluate("wanted => { marks.wanted = wanted; }", wanted)
    server.change("h0", customer=wanted)
    page.locator("[data-row]", has_text=wanted).wait_for()
    return float(page.evaluate("marks.applied.at(-1)"))


def under_load(page: Page, server: PageServer, asked: argparse.Namespace) -> dict[str, Any]:
    """What the frames are like while changes of any row come in, and whether all were applied in the end."""
    page.evaluate("marks.wanted = ''")
    before, stop = server.seq, threading.Event()
    sending = threading.Thread(target=send, args=(server, asked, stop))
    sending.start()
    frames = page.evaluate(FRAMES, float(asked.seconds))
    stop.set()
    sending.join()
    server.change("h0", customer="The last one")
    page.locator("[data-row]", has_text="The last one").wait_for()
    return {
        "updates_per_second": round((server.seq - before) / asked.seconds, 1),
        "seconds": asked.seconds,
        "frames_dropped_share": round(dropped(frames), 4),
        "frame_ms_p95": round(_percentile(frames, 95), 1),
        "frame_ms_max": round(max(frames), 1),
    }


def send(server: PageServer, asked: argparse.Namespace, stop: threading.Event) -> None:
    """Changes at an even rate: one row after the other gets other words and another time, so that the list moves."""
    began, sent = time.monotonic(), 0
    while not stop.is_set():
        while sent < (time.monotonic() - began) * asked.rate:
            sent += 1
            id_ = f"h{sent * 7919 % asked.rows or 1}"
            server.change(id_, last_text=f"change {sent}", due_ms=server.now_ms() + 60_000 + sent * 37 % 900_000)
        stop.wait(0.002)


def dropped(frames: Sequence[float]) -> float:
    """Share of the frames of 60 a second that are missing."""
    missing = sum(max(0, round(frame / FRAME_MS) - 1) for frame in frames)
    return missing / (missing + len(frames))


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--loads", type=int, default=5, help="how often the page is opened anew")
    parser.add_argument("--updates", type=int, default=50, help="updates one at a time")
    parser.add_argument("--rate", type=float, default=300.0, help="updates a second under load")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long that lasts")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
