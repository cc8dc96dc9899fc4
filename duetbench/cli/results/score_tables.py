"""The tables of `duetbench score`: what was found in the file, every metric under every convention, intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from duetbench.cli.data.tables import print_row_counts
from duetbench.cli.output import echo
from duetbench.cli.tables import print_table

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.leaderboard import Board
    from duetbench.leaderboard.board import BoardRow
    from duetbench.records import MetricsRecord, Record

_READABLE = "readable"
_NOTHING = "–"


def print_counts(settings: Settings, record: Record) -> None:
    """What the file contains: columns, rows by what became of them, coverage and predictions off the scale."""
    foreign, metrics = record.foreign, _metrics(record)
    assert foreign is not None
    echo("columns: " + ", ".join(f"{name} from {column!r}" for name, column in foreign.columns.items()))
    echo(f"{foreign.rows:,} rows in {foreign.file!r}; of a repeated pair, the {foreign.repeated} prediction counts")
    print_row_counts(settings, foreign.dropped, foreign.noted)
    share = _NOTHING if metrics.coverage is None else f"{100 * metrics.coverage:.1f} %"
    echo(
        f"{metrics.n:,} pairs, {metrics.n_readable:,} with a readable prediction (coverage {share}), "
        f"{metrics.off_scale:,} of them off the scale"
    )
    if record.first_failure:
        echo(f"first missing prediction: {record.first_failure}")


def print_matrix(settings: Settings, record: Record) -> None:
    """Every metric: a row for each variant, a column for each treatment of missing predictions."""
    metrics = _metrics(record)
    populations = _populations(metrics)
    titles = ["metric", "variant", *(title for title, _ in populations)]
    rows = [
        [name, variant, *(_number(_value(metrics, population, path)) for _, population in populations)]
        for name, variant, path in _variants(metrics)
    ]
    print_table(settings, titles, rows, text_titles=("variant",))


def _populations(metrics: MetricsRecord) -> list[tuple[str, str]]:
    """Titles and names: all of them where predictions are missing, one where all populations are the same."""
    if metrics.coverage == 1.0:
        return [("all pairs", _READABLE)]
    titles = {
        _READABLE: "excluded",
        "official": "0 (official)",
        "constant:-1": "-1 (official)",
        metrics.fill: f"{metrics.fill} *",
    }
    return [(titles.get(name, name), name) for name in metrics.over]


def _variants(metrics: MetricsRecord) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Metric, variant in words, and where its number is."""
    for name, variants in metrics.over[_READABLE].values.items():
        for variant, value in variants.items():
            if isinstance(value, Mapping):
                yield from ((name, f"{variant}, {part}", (name, variant, part)) for part in value)
            else:
                yield name, variant, (name, variant)


def _value(metrics: MetricsRecord, population: str, path: tuple[str, ...]) -> float | None:
    value: Any = metrics.over[population].values
    for name in path:
        value = value[name]
    return None if value is None else float(value)


def print_intervals(settings: Settings, record: Record, boards: Mapping[str, Board]) -> None:
    """95 % intervals of each metric under the named conventions."""
    rows = [
        [convention, metric.title, _number(summary.mean if summary else None), _interval(row, metric.name)]
        for convention, board in boards.items()
        for row in [own_row(record, board)]
        for metric in board.metrics
        for summary in [(row.values or {}).get(metric.name)]
    ]
    print_table(
        settings, ("convention", "metric", "value", "95 % interval"), rows, text_titles=("metric", "95 % interval")
    )


def _interval(row: BoardRow, metric: str) -> str:
    found = (row.intervals or {}).get(metric)
    return _NOTHING if found is None else f"[{found.low:.4f}, {found.high:.4f}]"


def own_row(record: Record, board: Board) -> BoardRow:
    """The row of the record."""
    return next(row for section in board.sections for row in section.rows if record.cell_id in row.cells)


def content(record: Record, boards: Mapping[str, Board]) -> dict[str, Any]:
    """The record, and under each convention its row with intervals and differences to the baseline, as JSON values."""
    from duetbench.records import to_json

    rows = {convention: asdict(own_row(record, board)) for convention, board in boards.items()}
    baselines = {
        convention: [section.baseline for section in board.sections if own_row(record, board) in section.rows]
        for convention, board in boards.items()
    }
    return {"record": to_json(record), "conventions": rows, "baselines": baselines}


def _metrics(record: Record) -> MetricsRecord:
    assert record.metrics is not None
    return record.metrics


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.4f}"
