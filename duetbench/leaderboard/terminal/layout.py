"""Fits the columns of a section into a width: MAE, RMSE, accuracy and F1 go last, and numbers are never split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from duetbench.leaderboard.board import RANKED_BY, Board, BoardRow, BoardSection
from duetbench.leaderboard.columns import BUDGET, SECONDS, Column, columns

GAP = 2
"""Spaces between two columns."""

_FIRST = ("cached", "MAE read.", BUDGET, "decision")
"""Columns that are left out first, in this order. Only rows without an LLM differ in decision rules, unless scorers are
mixed on request."""
_COSTS = ("tokens", *SECONDS, "seeds")
_LAST = ("mae", "rmse", "accuracy", "f1")
"""Metrics that are left out last, from the end. MAE and the metric that rows are sorted by are always shown."""
_IN_LABELS = ("method", "trainer", "control")
"""Columns whose texts are part of the labels of all rows."""
_MIN_TEXT = 12
"""Width to which texts may be folded."""


@dataclass(frozen=True)
class FittedColumn:
    """A column with its texts and its width."""

    column: Column
    cells: tuple[str, ...]
    """One per row; lines of a cell are separated by line breaks."""
    width: int

    @property
    def title(self) -> str:
        """The column's heading."""
        return self.column.title

    @property
    def is_right(self) -> bool:
        """Whether it is aligned to the right."""
        return self.column.is_number and not self.column.is_comparison

    @property
    def least_width(self) -> int:
        """The width to which it may be folded: its own for numbers."""
        return self.width if self.column.is_number else min(self.width, max(_MIN_TEXT, _longest_word(self.title)))


@dataclass(frozen=True)
class _Version:
    """Columns that may be shown, and how."""

    columns: tuple[Column, ...]
    left_out: tuple[str, ...] = ()
    """Titles."""
    has_line_breaks: bool = False
    """Whether titles are wrapped, and the names of controls are below the gains over them."""
    has_stacked_seeds: bool = False
    """Whether standard deviations are below the means."""

    def without(self, column: Column) -> _Version:
        shown = tuple(other for other in self.columns if other is not column)
        return replace(self, columns=shown, left_out=(*self.left_out, column.title))

    def fitted(self, rows: Sequence[BoardRow]) -> list[FittedColumn]:
        return [self._fitted(column, [self._cell(column, row) for row in rows]) for column in self.columns]

    def _cell(self, column: Column, row: BoardRow) -> str:
        text = " ".join(column.text(row).split())
        if column.is_comparison and self.has_line_breaks:
            return text.replace(" (", "\n(", 1)
        return text.replace(" ± ", "\n±") if column.metric and self.has_stacked_seeds else text

    def _fitted(self, column: Column, cells: Sequence[str]) -> FittedColumn:
        title = _longest_word(column.title) if self.has_line_breaks else len(column.title)
        return FittedColumn(
            column, tuple(cells), max([title, *(len(line) for cell in cells for line in cell.split("\n"))])
        )


def fit_columns(section: BoardSection, board: Board, width: int) -> tuple[list[FittedColumn], tuple[str, ...]]:
    """The columns that fit into a width, and the titles of those that are left out.

    If even those that are always shown do not fit, they are wider than the width, since numbers are not split.

    Args:
        section: The section to show.
        board: The board of the section.
        width: Number of characters of a line.
    """
    kept = (RANKED_BY, board.sorted_by)
    versions = list(_versions(_Version(tuple(columns(section, board))), section, kept))
    for version in versions:
        if table_width(shown := version.fitted(section.rows)) <= width:
            return shown, version.left_out
    for version in _without_metrics(versions[-1], kept):
        shown = version.fitted(section.rows)
        if sum(column.least_width for column in shown) + _gaps(shown) <= width:
            break
    return _folded(shown, width), version.left_out


def table_width(shown: Sequence[FittedColumn]) -> int:
    """The width of the columns with the gaps between them."""
    return sum(column.width for column in shown) + _gaps(shown)


def _gaps(shown: Sequence[FittedColumn]) -> int:
    return GAP * (len(shown) - 1)


def _versions(version: _Version, section: BoardSection, kept: Sequence[str]) -> Iterator[_Version]:
    """Ever narrower versions of the columns, down to the names and the metrics that are left out last."""
    yield version
    yield (version := replace(version, has_line_breaks=True))
    metrics = [column for column in version.columns if column.metric and not column.is_comparison]
    comparisons = [column for column in reversed(version.columns) if column.is_comparison]
    further = [column for column in comparisons if column.metric not in kept]
    minor = [column for column in reversed(metrics) if column.metric not in (*_LAST, *kept)]
    for column in [*_titled(version, _FIRST), *further, *minor]:
        yield (version := version.without(column))
    if table_width((merged := _merged(version)).fitted(section.rows)) < table_width(version.fitted(section.rows)):
        yield (version := merged)
    for column in _titled(version, _COSTS):
        yield (version := version.without(column))
    yield (version := replace(version, has_stacked_seeds=True))
    others = [
        column for column in reversed(version.columns) if not (column.metric or column.is_name or column.title == "#")
    ]
    for column in [*(column for column in comparisons if column not in further), *others]:
        yield (version := version.without(column))


def _titled(version: _Version, titles: Sequence[str]) -> list[Column]:
    by_title = {column.title: column for column in version.columns if not column.metric}
    return [by_title[title] for title in titles if title in by_title]


def _merged(version: _Version) -> _Version:
    """One column of labels instead of those of the method and of the attributes that distinguish rows."""
    names = [column for column in version.columns if column.is_name]
    label = Column("method", lambda row: row.label, is_number=False, is_name=True)
    shown = (label if column is names[0] else column for column in version.columns if column not in names[1:])
    left_out = (column.title for column in names if column.title not in _IN_LABELS)
    return replace(version, columns=tuple(shown), left_out=(*version.left_out, *left_out))


def _without_metrics(version: _Version, kept: Sequence[str]) -> Iterator[_Version]:
    """The version, and those without the metrics that are left out last, one by one."""
    yield version
    by_name = {column.metric: column for column in version.columns}
    for name in reversed([name for name in _LAST if name in by_name and name not in kept]):
        yield (version := version.without(by_name[name]))


def _folded(shown: Sequence[FittedColumn], width: int) -> list[FittedColumn]:
    """The columns with texts folded until they fit, the widest one first."""
    folded = list(shown)
    for _ in range(table_width(shown) - width):
        widest = max(range(len(folded)), key=lambda n: (folded[n].width > folded[n].least_width, folded[n].width))
        if folded[widest].width <= folded[widest].least_width:
            break
        folded[widest] = replace(folded[widest], width=folded[widest].width - 1)
    return folded


def _longest_word(title: str) -> int:
    return max(map(len, title.split()), default=0)
