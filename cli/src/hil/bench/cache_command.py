"""`hil bench cache`: how often does the semantic cache answer, and how often wrongly?"""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from openai import OpenAIError
from rich.console import Console
from rich.table import Table

from hil.outcome import CommandError, bad_input

if TYPE_CHECKING:
    from hil.bench.cache import CacheFigures, HitRow
    from hil.bench.cache_vectors import VectorsOf

MIXED_UP_SHARE_MAX = 0.05
_NEVER_MIXED_UP = ("number", "name")
_NOT_KNOWN_TO_THE_LISTS = ("unseen", "new")


def cache(
    banking77: Annotated[Path | None, typer.Option(help="Folder with banking77's train.csv and test.csv.")] = None,
    minilm: Annotated[Path | None, typer.Option(help="A Python with all-MiniLM-L6-v2: docs/semantic-cache.md.")] = None,
    model: Annotated[
        str, typer.Option(help="URL#MODEL: an embedding model behind OpenAI's API; its key is in OPENAI_API_KEY.")
    ] = "",
    file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Hits and false hits of the semantic cache; about 5 s. Status 1 where pairs are mixed up that must not be."""
    from hil.bench.cache import measure  # Takes a second to import, which no other command should wait for.

    if banking77 is not None and not all((banking77 / name).is_file() for name in ("train.csv", "test.csv")):
        raise bad_input(f"--banking77 {banking77}: train.csv and test.csv are not both there")
    if file is not None and not file.parent.is_dir():
        raise bad_input(f"--json {file}: the folder {file.parent} does not exist")
    others = _others(minilm, model)
    try:
        figures = measure(banking77, others)
    except OpenAIError as error:
        raise CommandError(f"--model {model}: {error}") from error
    if file is not None:
        file.write_text(json.dumps(dataclasses.asdict(figures), indent=1) + "\n")
    for embedder in dict.fromkeys(row.embedder for row in figures.pairs):
        for table in (_hits(figures, embedder), _chosen(figures, embedder), _pairs(figures, embedder)):
            Console().print(table)
    print(f"The guards alone let {figures.allowed} of {figures.known} paraphrases pass that have an answer.")
    if wrong := _wrong(figures):
        raise CommandError(wrong)


def _others(minilm: Path | None, model: str) -> "dict[str, VectorsOf]":
    from hil.bench.cache_vectors import MINILM, minilm_of, provider_of

    others = {} if minilm is None else {MINILM: minilm_of(minilm)}
    if model:
        url, _, name = model.rpartition("#")
        if not url.startswith(("http://", "https://")) or not name:
            raise bad_input(
                f"--model {model!r} is not URL#MODEL, as in http://127.0.0.1:8082/v1#text-embedding-3-small"
            )
        others[name] = provider_of(url, name)
    return others


def _wrong(figures: "CacheFigures") -> str | None:
    shipped = [row for row in figures.pairs if row.embedder == figures.embedder]
    rows = [row for row in shipped if row.kind not in _NOT_KNOWN_TO_THE_LISTS]
    mixed_up, pairs = sum(row.mixed_up for row in rows), sum(row.pairs for row in rows)
    if mixed_up > MIXED_UP_SHARE_MAX * pairs:
        return f"{mixed_up} of {pairs} pairs are mixed up, more than {MIXED_UP_SHARE_MAX:.0%}"
    worse = [row.kind for row in rows if row.kind in _NEVER_MIXED_UP and row.mixed_up]
    return f"pairs are mixed up that differ in a {' and a '.join(worse)}" if worse else None


def _hits(figures: "CacheFigures", embedder: str) -> Table:
    table = _table(f"hil bench cache: {embedder}", "questions", "min", "guards", "asked", "hits %", "of these false %")
    table.caption = f"Shipped: {figures.embedder}, {figures.threshold}, with guards. In brackets: 95 % (Wilson)."
    for row in figures.hits:
        if row.embedder == embedder:
            shipped = (row.embedder, row.threshold, row.guards) == (figures.embedder, figures.threshold, "yes")
            cells = (row.questions, f"{row.threshold:.2f}", row.guards, str(row.counted.probes), *_counts(row))
            table.add_row(*cells, style="bold" if shipped else None)
    return table


def _chosen(figures: "CacheFigures", embedder: str) -> Table:
    title = f"{embedder}: minimum chosen on half of the intents, tried on the other"
    table = _table(title, "guards", "min", "questions", "hits %", "of these false %", "pairs")
    table.caption = "Pairs: how many of those below are mixed up at that minimum."
    for row in figures.chosen:
        for hits in row.hits if row.embedder == embedder else ():
            mixed_up = f"{row.pairs_mixed_up}/{row.pairs}"
            table.add_row(row.guards, f"{row.threshold:.2f}", hits.questions, *_counts(hits), mixed_up)
    return table


def _pairs(figures: "CacheFigures", embedder: str) -> Table:
    title = f"{embedder}: pairs that need different answers"
    table = _table(title, "they differ in", "pairs", "mixed up without guards", "mixed up")
    table.caption = f"At {figures.threshold}. The lists of the guards were made without `new`, and at first `unseen`."
    for row in figures.pairs:
        if row.embedder == embedder:
            cells = (row.kind, str(row.pairs), str(row.mixed_up_without_guards), str(row.mixed_up))
            table.add_row(*cells, style="bold red" if row.mixed_up else None)
    return table


def _counts(row: "HitRow") -> tuple[str, str]:
    counted = row.counted
    false = "" if row.false_interval is None else _share(counted.false_hits, counted.hits, row.false_interval)
    return _share(counted.hits, counted.probes, row.hit_interval), false


def _share(count: int, of: int, between: tuple[float, float]) -> str:
    low, high = between
    return f"{count:>3} {count / of:6.1%} [{100 * low:.0f}-{100 * high:.0f}]"


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, padding=(0, 1, 0, 0))  # 80 columns are enough then.
    for name in names:
        table.add_column(name, no_wrap=True)
    return table
