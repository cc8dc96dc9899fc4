"""`duetbench data`: prepare, inspect, check, import, export and generate datasets."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from duetbench.cli.completion import names_option, plugin_name, words
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.data.arguments import (
    dataset_arguments,
    history_options,
    max_error_rate_option,
    prepare_dataset,
)
from duetbench.cli.output import echo


def _raw_formats() -> tuple[str, ...]:
    from duetbench.data.synthetic.formats import RAW_FORMATS

    return tuple(RAW_FORMATS)


@click.group()
def data() -> None:
    """Datasets: prepare, stats, check, sample, import, export, generate."""


@data.command()
@dataset_arguments
@pass_settings
def prepare(settings: Settings, /, **arguments: Any) -> None:
    """Prepare DATASET from raw files; show the rows after each step.

    Steps, in any order: dedupe or dedupe:last; titled; window:2m, window:60d or window:FROM/UNTIL; kcore:5 or
    kcore:USERS/ITEMS; sort; split_count:0.8/0.1/0.1; split_time:30d/30d, split_time:1m/1m or split_time:FROM/FROM;
    split_leave_last:1; split_random:0.8/0.1/0.1/SEED (not safe against leakage from the future); drop_cold.

    A dataset that was prepared before, from the same files with the same steps, is not prepared again.
    """
    from duetbench.cli.data import tables

    prepared, dataset = prepare_dataset(settings, arguments)
    tables.print_steps(settings, prepared)
    tables.print_row_counts(settings, prepared.counts, prepared.notes, prepared.steps)
    tables.print_differences(settings, prepared, dataset)
    tables.print_warnings(prepared)
    echo(f"fingerprint {prepared.fingerprint}")
    echo(f"use it with: duetbench run --dataset {shlex.quote(str(prepared.folder))} ...")
    echo(f"prepared in {prepared.folder}")


@data.command()
@dataset_arguments
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("--windows", default="10,30,50,70", show_default=True, help="History lengths to compare.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def stats(settings: Settings, /, *, split: Any, windows: str, as_json: bool, **arguments: Any) -> None:
    """Count users, items and ratings, and measure histories.

    DATASET is a name, or a folder that `duetbench data prepare` has written.
    """
    from duetbench.cli.data import tables
    from duetbench.data.statistics import split_statistics, window_statistics

    lengths = _parse_windows(windows)
    prepared, dataset = prepare_dataset(settings, arguments)
    splits = split_statistics(prepared)
    window_rows = window_statistics(prepared, split, history_options(arguments), windows=lengths)
    if as_json:
        tables.print_json(prepared, splits, window_rows)
        return
    tables.print_splits(settings, splits)
    tables.print_windows(settings, window_rows, split)
    tables.print_row_counts(settings, prepared.counts, prepared.notes, prepared.steps)
    tables.print_differences(settings, prepared, dataset)
    tables.print_warnings(prepared)


@data.command()
@dataset_arguments
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("-n", "n", default=1, show_default=True, type=click.IntRange(min=1), help="Number of examples.")
@click.option("--seed", default=0, show_default=True, help="Seed of the sample.")
@click.option("--lines", default=5, show_default=True, help="Number of interactions to show of each history.")
@pass_settings
def sample(settings: Settings, /, *, split: Any, n: int, seed: int, lines: int, **arguments: Any) -> None:
    """Show examples of DATASET with their histories."""
    from duetbench.cli.data import tables
    from duetbench.data import build_examples
    from duetbench.errors import DataError

    prepared, _ = prepare_dataset(settings, arguments)
    examples = build_examples(prepared, split, history_options(arguments), limit=n, seed=seed)
    if not examples:
        raise DataError(f"{prepared.name} has no {split} rows after its steps: choose another --split or other --steps")
    for example in examples:
        echo(tables.example_text(example, lines, has_times=prepared.has_times))


@data.command()
@dataset_arguments
@click.option(
    "--prompts", multiple=True, type=click.Path(path_type=Path), metavar="LOG", help="JSON lines, or a cell's folder."
)
@names_option("--strategy", "strategies", plugin_name("strategy"), "A strategy to probe, without a model.")
@click.option(
    "--scorer",
    type=plugin_name("scorer"),
    default="rating_text",
    show_default=True,
    metavar="NAME",
    help="The scorer to probe with it.",
)
@names_option("--control", "controls", plugin_name("control"), "A control to probe with each strategy.")
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1), help="Largest number of examples.")
@pass_settings
def check(settings: Settings, /, **arguments: Any) -> None:
    """Run the leakage checks on data, prompt logs and strategies.

    A log has one JSON object per line: `text` or `messages`, optionally `requests`, `key`, `purpose`; or it is a
    cell's folder of `duetbench run`. Any leak is an error.
    """
    from duetbench.cli.data.check import check_command

    check_command(settings, arguments)


@data.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format",
    "name",
    required=True,
    type=words(_raw_formats),
    metavar="FORMAT",
    help="amazon-2014, amazon-2018, amazon-2023, yelp.",
)
@click.option("--interactions", default=100_000, show_default=True, type=click.IntRange(min=1), metavar="N")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), metavar="S")
@click.option("--category", default="Digital_Music", show_default=True, help="Category in Amazon's file names.")
@click.option(
    "--pack", "compression", type=click.Choice(["gz", "zst", "none"]), help="[default: that of the official files]"
)
@pass_settings
def generate(
    settings: Settings, folder: Path, name: str, interactions: int, seed: int, category: str, compression: Any
) -> None:
    """Write synthetic raw files in an official format into FOLDER.

    Equal arguments give equal bytes.
    """
    from duetbench.data.synthetic.generate import SyntheticSpec, parse_format
    from duetbench.data.synthetic.generate import generate as write

    raw_format = parse_format(name)
    with settings.progress_console.status(f"writing {interactions:,} synthetic interactions"):
        files = write(folder, raw_format, SyntheticSpec(interactions, seed, category), compression=compression)
    for path in files.values():
        echo(f"{path}  {path.stat().st_size:,} bytes")


@data.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--name", default="imported", show_default=True, help="Name of the import: --set imported.table=NAME.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder.  [default: the cache]"
)
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS", help="user_id=uid, rating=stars, review=text, ...")
@click.option("--items", metavar="SOURCE", help="Table of items with title, categories, description.")
@click.option(
    "--columns", metavar="NAMES", help="Columns of SOURCEs without a header: user_id,item_id,rating,timestamp."
)
@click.option("--item-columns", metavar="NAMES", help="Columns of --items without a header: item_id,title,categories.")
@click.option("--separator", metavar="TEXT", help="Between fields, as ';' or '::'.  [default: by the file's suffix]")
@click.option("--encoding", metavar="NAME", help="Of delimited text: latin-1, cp1252, utf-16, ...  [default: utf-8]")
@click.option("--noun", default="item", show_default=True, help="Singular noun for the items, used in prompts.")
@click.option("--plural", metavar="NOUNS", help="[default: NOUN with an s]")
@click.option(
    "--labels",
    default="1,2,3,4,5",
    show_default=True,
    metavar="SCALE",
    help="The rating scale: labels, a range such as 1:10 or 0.5:5:0.5, or auto: as the ratings have it.",
)
@click.option("--missing", metavar="N", help="A rating that means 'not rated', such as 0; several: 0,-1.")
@click.option("--rescale", metavar="SCALE", help="Another scale for prompts and answers; metrics stay on --labels.")
@click.option(
    "--time",
    "time_unit",
    default="auto",
    show_default=True,
    metavar="FORM",
    help="auto; s, ms, us or ns since 1970; date; a format such as %d-%m-%y; none: file order is time order.",
)
@click.option("--since", default="1990-01-01", show_default=True, metavar="DATE", help="Earliest valid date.")
@max_error_rate_option
@pass_settings
def import_(settings: Settings, /, **arguments: Any) -> None:
    """Import your own tables, in many formats.

    Formats: .csv, .tsv, .jsonl and .parquet (plain, .gz or .zst), .pkl, and hf:NAME or hf:FOLDER of a Hugging Face
    dataset; with --separator, delimited text in a file of any name. A split can be given per SOURCE (train=a.csv
    valid=b.csv test=c.csv) or per row, in a column named split. Columns are found by their usual names, or named with
    --map. Every rating must be one of --labels. Use the import with: duetbench run --dataset imported --set
    imported.table=NAME ...
    """
    from duetbench.cli.data.import_tables import import_command

    import_command(settings, arguments)


@data.command()
@dataset_arguments
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format", "export_format", type=click.Choice(["parquet", "datasets"]), default="parquet", show_default=True
)
@pass_settings
def export(settings: Settings, /, *, folder: Path, export_format: Any, **arguments: Any) -> None:
    """Write DATASET into FOLDER as Parquet or as a DatasetDict.

    Load a DatasetDict with `datasets.load_from_disk(FOLDER)`.
    """
    from duetbench.data.interchange.exports import export as write

    prepared, _ = prepare_dataset(settings, arguments)
    for split, n_rows in write(prepared, folder, export_format).items():
        echo(f"{split}  {n_rows:,} rows")
    echo(f"written to {folder}")


def _parse_windows(text: str) -> list[int]:
    from duetbench.errors import UsageError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(f"--windows: expected positive integers such as 10,30,50,70, got '{text}'")
    return [int(part) for part in parts]
