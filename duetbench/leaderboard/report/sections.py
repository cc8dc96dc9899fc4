"""The sections of a board as the report shows them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from duetbench.inspection.views import PairView
from duetbench.leaderboard.board import FAILED, RANKED, RANKED_BY, Board, BoardRow, BoardSection
from duetbench.leaderboard.columns import Column, columns, headings, notes
from duetbench.leaderboard.read_results import CellResult
from duetbench.leaderboard.report.breakdown import calibration_charts, group_tables, read_rows
from duetbench.leaderboard.report.cost import cost_chart
from duetbench.leaderboard.report.row_pairs import pairs_of_rows
from duetbench.leaderboard.report.switch import switched_texts
from duetbench.leaderboard.report.views import ColumnView, IntervalBar, RowView, SectionView

FACETS = ("dataset", "model", "trainer", "scorer", "control")
"""Attributes by which rows can be filtered."""
_NONE = "none"


class Facets:
    """The values of the facets in the order of their first occurrence."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, int]] = {name: {} for name in FACETS}

    def positions(self, section: BoardSection, row: BoardRow) -> str:
        """The positions of a row's values, for all facets."""
        known = {"dataset": section.key.dataset, **row.facts}
        return " ".join(str(self._position(name, known.get(name, _NONE))) for name in FACETS)

    def _position(self, name: str, value: str) -> int:
        return self._values[name].setdefault(value, len(self._values[name]))

    def values(self, name: str) -> list[str]:
        """The values of a facet, by position."""
        return list(self._values[name])


def section_views(board: Board, facets: Facets) -> tuple[list[SectionView], dict[str, Any]]:
    """The sections, and by convention and section the texts that differ under it."""
    results = {result.record.cell_id: result for result in board.results}
    ids = [{row.label: f"r{n}-{position}" for position, row in enumerate(s.rows)} for n, s in enumerate(board.sections)]
    named = [(ids[n][row.label], row) for n, section in enumerate(board.sections) for row in section.rows]
    pairs = pairs_of_rows(named, results)
    views: list[SectionView] = []
    switched: dict[str, Any] = {}
    for n, (section, title) in enumerate(zip(board.sections, headings(board), strict=True)):
        shown = columns(section, board)
        for convention, texts in switched_texts(section, shown, board.registered, results).items():
            switched.setdefault(convention, {})[str(n)] = texts
        views.append(_section(section, title, shown, ids[n], pairs, results, facets))
    return views, switched


def _section(
    section: BoardSection,
    title: str,
    shown: Sequence[Column],
    ids: Mapping[str, str],
    pairs: Mapping[str, list[PairView]],
    results: Mapping[str, CellResult],
    facets: Facets,
) -> SectionView:
    predicted = read_rows([row for row in section.rows if row.state != FAILED], ids, results)
    bars = _bars(section)
    rows = [
        RowView(
            id=ids[row.label],
            label=row.label,
            state=_state(row),
            facets=facets.positions(section, row),
            cells=[column.text(row) for column in shown],
            bar=bars.get(row.label),
            pairs=pairs.get(ids[row.label], []),
            command=_command(row, results),
        )
        for row in section.rows
    ]
    first = next((position for position, column in enumerate(shown) if column.metric == RANKED_BY), -1)
    return SectionView(
        title=title,
        columns=[ColumnView(column.title, column.is_number, column.is_comparison) for column in shown],
        bar_after=first if bars else -1,
        bar_title="MAE, 95 %",
        rows=rows,
        notes=notes(section),
        cost=cost_chart(section, ids),
        groups=group_tables(predicted),
        calibration=calibration_charts(predicted),
    )


def _bars(section: BoardSection) -> dict[str, IntervalBar]:
    """The interval of MAE of each row that has one, on the scale of all of them."""
    intervals = {row.label: (row.intervals or {}).get(RANKED_BY) for row in section.rows}
    known = {label: interval for label, interval in intervals.items() if interval is not None}
    if not known:
        return {}
    low, high = min(bar.low for bar in known.values()), max(bar.high for bar in known.values())
    span = (high - low) or 1.0

    def percent(value: float) -> str:
        return f"{100 * (value - low) / span:.0f}"

    return {
        label: IntervalBar(
            percent(bar.low), percent(bar.high), percent(bar.estimate), f"{bar.low:.3f} to {bar.high:.3f}"
        )
        for label, bar in known.items()
    }


def _state(row: BoardRow) -> str:
    if row.state == FAILED:
        return "failed"
    if row.state == RANKED and row.ranks and row.ranks.best == 1:
        return "best"
    return "plain" if row.state == RANKED and row.has_llm and "control" not in row.facts else "muted"


def _command(row: BoardRow, results: Mapping[str, CellResult]) -> str:
    folder = next((results[cell].folder for cell in row.cells if cell in results), None)
    return "" if folder is None else f"duetbench inspect {shlex.quote(str(folder))} --worst 10"
