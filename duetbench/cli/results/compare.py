"""`duetbench compare`: all pairs of rows by all metrics, on the interactions that both have predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.completion import run_name, words
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.leaderboard import conventions
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.leaderboard.pairwise.comparison import MetricComparison, PairwiseComparison, RowPair

_MAX_SENTENCES = 10
"""Pairs of rows whose comparison is written out; the JSON file has all of them."""


@click.command()
@click.argument("runs", nargs=-1, required=True, type=run_name(), metavar="A [B]...")
@click.option(
    "--convention",
    type=words(conventions),
    metavar="NAME",
    default="standard",
    show_default=True,
    help="standard, duet or three_class.",
)
@click.option("--json", "output", type=click.Path(path_type=Path, dir_okay=False), help="Also write all results.")
@pass_settings
def compare(settings: Settings, runs: tuple[str, ...], convention: str, output: Path | None) -> None:
    """Compare every row of the runs A, B, ... with every other one, by all metrics.

    A run is a folder, a name in `runs`, or the folder of a single cell. Rows are paired on the interactions that both
    have predicted; those that did not pair are counted. Seeds of the same settings are one row.
    """
    from duetbench.atomic import write_json
    from duetbench.cli.plugins_list import report_faults
    from duetbench.errors import RecordError
    from duetbench.leaderboard.pairwise import compare_pairwise

    metrics = settings.plugins.metrics()
    report_faults(settings.plugins)
    compared = compare_pairwise([_folder(run) for run in runs], metrics, convention=convention)
    _print(settings, compared)
    if output:
        write_json(output, _content(compared))
    if compared.faults:
        raise RecordError(f"{len(compared.faults)} of the results could not be read: {compared.faults[0]}")


def _folder(run: str) -> Path:
    """The folder, or that of a name in `runs`."""
    from duetbench.runs.folders import RUNS

    return RUNS / run if not Path(run).exists() and (RUNS / run).is_dir() else Path(run)


def _print(settings: Settings, compared: PairwiseComparison) -> None:
    from duetbench.cli.tables import print_table
    from duetbench.leaderboard.pairwise.text import comparison_notes, sentence

    titles = ("rows", "metric", "first", "second", "difference", "p", "p adjusted", "detectable", "shared", "unpaired")
    rows = [_cells(pair, metric) for pair in compared.pairs for metric in pair.metrics]
    print_table(settings, titles, rows, text_titles=("metric", "difference"))
    for pair in compared.pairs[:_MAX_SENTENCES]:
        for metric in pair.metrics[:1]:
            echo(sentence(pair, metric, compared))
    if len(compared.pairs) > _MAX_SENTENCES:
        echo(f"and {len(compared.pairs) - _MAX_SENTENCES} more pairs of rows (--json FILE writes all sentences)")
    for note in [*comparison_notes(compared), *compared.faults]:
        echo(note)


def _cells(pair: RowPair, metric: MetricComparison) -> tuple[str, ...]:
    from duetbench.leaderboard.comparison_text import NOTHING, interval_text

    difference = NOTHING if metric.difference is None else interval_text(metric.difference)
    return (
        f"{pair.row} / {pair.other}",
        metric.title,
        f"{metric.value:.4f}",
        f"{metric.other_value:.4f}",
        difference + ("*" if metric.is_significant else ""),
        _p(metric.p),
        _p(metric.p_holm),
        f"{_number(metric.minimum_detectable)} ({_number(metric.minimum_detectable_adjusted)})",
        f"{pair.n:,}",
        f"{pair.n_row_only:,}/{pair.n_other_only:,}",
    )


def _p(value: float | None) -> str:
    return "<0.0001" if value is not None and value < 0.0001 else _number(value)


def _number(value: float | None) -> str:
    from duetbench.leaderboard.comparison_text import NOTHING

    return NOTHING if value is None else f"{value:.4f}"


def _content(compared: PairwiseComparison) -> dict[str, object]:
    """Everything as JSON values, with a sentence for each metric of each pair of rows."""
    from dataclasses import asdict

    from duetbench.leaderboard.pairwise.text import comparison_notes, sentence

    pairs = [
        {
            **asdict(pair),
            "metrics": [{**asdict(metric), "sentence": sentence(pair, metric, compared)} for metric in pair.metrics],
        }
        for pair in compared.pairs
    ]
    return {**asdict(compared), "pairs": pairs, "notes": comparison_notes(compared)}
