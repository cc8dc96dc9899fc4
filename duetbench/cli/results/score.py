"""`duetbench score`: every metric of predictions that were made elsewhere."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import plugin_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.data.arguments import max_error_rate_option
from duetbench.cli.leaderboard import conventions
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.data.interchange.sources import TableSource
    from duetbench.runner.foreign.score import Scored, ScoreOptions


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--name", metavar="TEXT", help="Name of the row.  [default: the file's name]")
@click.option(
    "--origin", metavar="TEXT", help="Where the predictions come from.  [default: predictions made elsewhere]"
)
@click.option(
    "--dataset",
    type=plugin_name("dataset", also="dir"),
    metavar="NAME",
    help="Dataset or prepared folder that has the pairs and true ratings.  [default: FILE has the true ratings]",
)
@click.option("--split", type=click.Choice(["valid", "test"]), default="test", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The pairs of `duetbench run --limit N`.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the method.")
@click.option(
    "--map", "maps", multiple=True, metavar="OURS=THEIRS", help="user_id=uid, prediction=est, rating=r_ui, ..."
)
@click.option("--columns", metavar="NAMES", help="Columns of a FILE without a header: user_id,item_id,prediction.")
@click.option("--separator", metavar="TEXT", help="Between fields, as ';' or '::'.  [default: by the file's suffix]")
@click.option("--encoding", metavar="NAME", help="Of delimited text: latin-1, cp1252, utf-16, ...  [default: utf-8]")
@click.option(
    "--labels", metavar="SCALE", help="The rating scale, as 1:10 or 0.5:5:0.5.  [default: 1:5, or the dataset's]"
)
@click.option(
    "--repeated",
    type=click.Choice(["first", "last", "mean"]),
    default="first",
    show_default=True,
    help="Which prediction of a repeated pair counts.",
)
@click.option("--fill", metavar="NAME", help="Stands for missing predictions.  [default: train_mean, or worst]")
@max_error_rate_option
@click.option(
    "--set", "settings_", multiple=True, metavar="PATH=VALUE", help="imported.table=NAME, data.steps=..., ..."
)
@click.option("--no-baselines", is_flag=True, help="Leave out the baselines without a model.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep the results for leaderboards."
)
@click.option("--json", "output", type=click.Path(path_type=Path, dir_okay=False), help="Also write all results.")
@pass_settings
def score(settings: Settings, /, **arguments: Any) -> None:
    """Score the predictions in FILE, made elsewhere, by every metric under every convention.

    FILE is .csv, .tsv, .jsonl or .parquet (plain, .gz or .zst) with user, item and prediction. Columns are found by
    their usual names, or named with --map, as in `duetbench data import`. True ratings are in FILE, or those of
    --dataset: then pairs without a prediction are counted as missing, and baselines are computed on the same pairs.
    With --out the result is a row of `duetbench leaderboard show DIR OTHER_RUN`.
    """
    from duetbench.cli.plugins_list import report_faults
    from duetbench.runner.foreign.score import score as run_score

    source, options = _source(arguments), _options(arguments)
    report_faults(settings.plugins)
    with _folder(arguments["out"]) as folder:
        with settings.progress_console.status("reading") as status:
            scored = run_score(source, folder, options, settings.plugins, on_progress=status.update)
        _compute_baselines(settings, scored, folder, is_wanted=not arguments["no_baselines"])
        _show(settings, scored, folder, arguments["output"])
    if arguments["out"]:
        echo(f"written to {scored.folder}")


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder of the results: the named one, or one that is removed at the end."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="duetbench-score-") as scratch:
        yield Path(scratch)


def _source(arguments: dict[str, Any]) -> TableSource:
    from duetbench.cli.data.import_tables import delimited_options
    from duetbench.data.interchange.sources import HUGGING_FACE, TableSource
    from duetbench.errors import UsageError

    given = [name for name in ("columns", "separator", "encoding") if arguments[name]]
    source = TableSource(arguments["file"], delimited=delimited_options(arguments))
    if source.location.startswith(HUGGING_FACE):
        raise UsageError(f"{source.location}: score reads files; download the predictions first")
    if given and source.delimited_format is None:
        raise UsageError(f"--{given[0]} is only for delimited text: {source.location}")
    return source


def _options(arguments: dict[str, Any]) -> ScoreOptions:
    from duetbench.cli.data.import_tables import parse_maps, parse_scale
    from duetbench.runner.foreign.score import ScoreOptions

    optional = {name: arguments[name] for name in ("origin", "fill") if arguments[name]}
    if arguments["labels"]:
        optional["labels"] = parse_scale("--labels", arguments["labels"])
    return ScoreOptions(
        arguments["name"] or Path(arguments["file"]).name.partition(".")[0],
        dataset=arguments["dataset"],
        split=arguments["split"],
        limit=arguments["limit"],
        seed=arguments["seed"],
        column_map=tuple(parse_maps(arguments["maps"]).items()),
        repeated=arguments["repeated"],
        max_error_rate=arguments["max_error_rate"],
        settings=arguments["settings_"],
        **optional,
    )


def _compute_baselines(settings: Settings, scored: Scored, folder: Path, *, is_wanted: bool) -> None:
    from duetbench.progress import Progress, ProgressDisplay
    from duetbench.runner import run

    if scored.baselines is None or not is_wanted:
        return
    outcome = run(
        scored.baselines, folder, progress=Progress() if settings.quiet else ProgressDisplay(settings.progress_console)
    )
    for cell, reason in outcome.failures:
        echo(f"duetbench: FAILED {cell.folder}: {reason}", err=True)


def _show(settings: Settings, scored: Scored, folder: Path, output: Path | None) -> None:
    """Prints counts, all metrics and the board, and writes them as JSON."""
    from duetbench.atomic import write_json
    from duetbench.cli.results.score_tables import content, print_counts, print_intervals, print_matrix
    from duetbench.leaderboard import BoardOptions, collect
    from duetbench.leaderboard.terminal import print_board

    metrics = settings.plugins.metrics()
    boards = {name: collect([folder], metrics, BoardOptions(name)) for name in conventions()}
    print_counts(settings, scored.record)
    print_matrix(settings, scored.record)
    print_intervals(settings, scored.record, boards)
    print_board(boards["standard"], settings.console)
    if output:
        write_json(output, content(scored.record, boards))
