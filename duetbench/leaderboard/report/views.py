"""The values that the template of the report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from duetbench.inspection.views import PairView


@dataclass(frozen=True, slots=True)
class IntervalBar:
    """An interval as a bar, in percent of the width of its column."""

    low: str
    high: str
    middle: str
    text: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a table."""

    id: str
    """Unique in the page; elements that belong to the row carry it."""
    label: str
    state: str
    """`best`, `plain`, `muted` or `failed`."""
    facets: str
    """Positions of its values in the facets, separated by spaces."""
    cells: list[str]
    bar: IntervalBar | None
    pairs: list[PairView] = field(default_factory=list)
    command: str = ""
    """That shows all pairs of the row."""


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column."""

    title: str
    is_number: bool
    is_comparison: bool
    """Whether it belongs to the convention of the board: ranks, differences, gains."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a chart, in units of its view box."""

    row: str
    """Id of its row; empty: none."""
    x: float
    y: float
    low: float
    """Top of its interval; equal to `y` without one."""
    high: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of points and lines in a view box."""

    title: str
    x_title: str
    y_title: str
    width: float
    height: float
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    marks: Sequence[Mark] = ()
    lines: Sequence[tuple[str, str]] = ()
    """Class and points of each line."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The errors of each row in groups of pairs."""

    title: str
    groups: list[str]
    """Names with the number of pairs."""
    rows: list[tuple[str, str, list[tuple[str, str]]]]
    """Row id, label and, by group, the text and its shade from 0 to 9."""


@dataclass(frozen=True, slots=True)
class SectionView:
    """One section of the board."""

    title: str
    columns: list[ColumnView]
    bar_after: int
    """Position of the column after which the bars of intervals are; -1: there are none."""
    bar_title: str
    rows: list[RowView]
    notes: list[str]
    cost: Chart | None
    groups: list[GroupTable]
    calibration: list[Chart]


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter: one select element."""

    name: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class TrainingView:
    """The learning curves of one training."""

    title: str
    outcome: str
    charts: list[Chart]


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole report."""

    title: str
    subtitle: str
    convention: str
    conventions: list[tuple[str, str]]
    """Name and meaning."""
    facets: list[Facet]
    sections: list[SectionView]
    trainings: list[TrainingView]
    notes: list[str]
