"""Which conversations are in an experiment, and what became of them?"""

from collections.abc import Mapping

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import Cell, Subject
from analytics.domain.conversation_figures import conversation_figures
from analytics.domain.experiment_units import Unit, unit_of
from analytics.domain.rollup import Rollup
from contracts.experiments import Experiment


async def load_units(
    figures: FigureStore, tenant: str, experiment: Experiment, *, at_most: int
) -> tuple[list[Unit], bool]:
    """Conversations that were exposed, `at_most` of them in the order of their keys, and whether there are more."""
    found: list[Unit] = []
    wants_ratings = "csat" in (*experiment.metrics, *(one.metric for one in experiment.guardrails))
    async for rollups in figures.experiment_units(tenant, experiment.name):
        ratings = await _ratings(figures, tenant, rollups) if wants_ratings else {}
        units = (unit_of(rollup, ratings.get(rollup.cell.subject.key)) for rollup in rollups)
        found += [unit for unit in units if unit is not None]
        if len(found) > at_most:
            break
    return found[:at_most], len(found) > at_most


async def _ratings(figures: FigureStore, tenant: str, rollups: list[Rollup]) -> Mapping[str, int]:
    """First ratings by key: a rating belongs to the conversation and knows of no experiment."""
    cells = [Cell(Subject(tenant, "conversations", key=one.cell.subject.key), "all", 0) for one in rollups]
    known = await figures.load(cells)
    rated = {cell.subject.key: conversation_figures(one.rollup).rating for cell, one in known.items()}
    return {key: rating for key, rating in rated.items() if rating is not None}
