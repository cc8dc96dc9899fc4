"""The pairs that a report shows for its rows: those with the largest errors, as many as its size allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duetbench.errors import DuetbenchError
from duetbench.inspection import InspectedPair, PairSelection, read_pairs, select_pairs
from duetbench.inspection.pairs import with_exchanges
from duetbench.inspection.views import PairView, view_of
from duetbench.leaderboard.board import BoardRow
from duetbench.leaderboard.paired_values import domain_of
from duetbench.leaderboard.read_results import CellResult

PER_ROW = 5
BUDGET = 250_000
"""Characters of all pairs of a report, so that 400 rows of 40 columns stay below one megabyte."""
_OVERHEAD = 1500
"""Characters of a pair without texts."""


def pairs_of_rows(rows: Sequence[tuple[str, BoardRow]], results: Mapping[str, CellResult]) -> dict[str, list[PairView]]:
    """The pairs of each row by its id, of its first seed: the worst of every row first, then the second, and so on."""
    queues = {row_id: _worst(row, results) for row_id, row in rows}
    chosen: dict[str, list[PairView]] = {row_id: [] for row_id in queues}
    left = BUDGET
    for position in range(PER_ROW):
        for row_id, (pairs, labels) in queues.items():
            if position >= len(pairs):
                continue
            left -= _size(pairs[position])
            if left < 0:
                return chosen
            chosen[row_id].append(view_of(pairs[position], labels))
    return chosen


def _worst(row: BoardRow, results: Mapping[str, CellResult]) -> tuple[list[InspectedPair], tuple[float, ...]]:
    result = next((results[cell] for cell in row.cells if cell in results and results[cell].is_done), None)
    if result is None:
        return [], ()
    try:
        pairs = select_pairs(read_pairs(result.folder), PairSelection(worst=PER_ROW))
        return with_exchanges(result.folder, pairs), domain_of(result).of_data.labels
    except DuetbenchError:
        return [], ()  # no readable prediction, or damaged files, which the board's own notes name


def _size(pair: InspectedPair) -> int:
    texts = [profile.text + "".join(profile.notes.values()) for profile in pair.profiles]
    texts += [exchange.text for exchange in pair.exchanges]
    texts += [turn.content for exchange in pair.exchanges for turn in exchange.turns]
    return sum(map(len, texts)) + _OVERHEAD
