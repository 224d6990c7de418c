"""Cells have ids of their own."""

from analytics.domain.rollup import Cell


def test_cells_that_differ_in_anything_have_different_ids() -> None:
    cells = [Cell("a", "w", "1", 0), Cell("b", "w", "1", 0), Cell("a", "v", "1", 0), Cell("a", "w", "2", 0)]
    assert len({cell.id for cell in [*cells, Cell("a", "w", "1", 60_000)]}) == 5
