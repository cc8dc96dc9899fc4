"""`duetbench data`: prepare datasets, look at them, check them, bring them in and out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.data import HistoryOptions, Prepared
    from duetbench.interfaces import Dataset


_SHARE = click.FloatRange(0, 1)


@click.group()
def data() -> None:
    """Datasets: prepare, stats, check, sample, import, export, generate."""


def chooses_dataset(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument DATASET and the options that say how it is prepared."""
    options = [
        click.argument("dataset"),
        click.option("--raw", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the raw files."),
        click.option("--steps", metavar="A,B:ARG,...", help="The steps in order.  [default: the dataset's own]"),
        click.option("--tolerated", default=0.01, show_default=True, type=_SHARE, help="Of unusable rows, let pass."),
        click.option(
            "--set", "set_", multiple=True, metavar="PATH=VALUE", help="yelp.raw=DIR, history.source=..., ..."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@data.command()
@chooses_dataset
@pass_settings
def prepare(settings: Settings, /, **chosen: Any) -> None:
    """Make DATASET's tables from raw files; show what each step left.

    Steps, in any order: dedupe or dedupe:last; titled; window:2m, window:60d or window:FROM/UNTIL; kcore:5 or
    kcore:USERS/ITEMS; sort; split_count:0.8/0.1/0.1; split_time:30d/30d, split_time:1m/1m or split_time:FROM/FROM;
    split_leave_last:1; drop_cold.

    What was made once from the same files and steps is not made again.
    """
    from duetbench.cli import data_tables

    prepared, dataset = prepared_dataset(settings, chosen)
    data_tables.print_steps(settings, prepared)
    data_tables.print_counts(settings, prepared)
    data_tables.print_differences(settings, prepared, dataset)
    click.echo(f"fingerprint {prepared.fingerprint}")
    click.echo(f"prepared in {prepared.folder}")


@data.command()
@chooses_dataset
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("--windows", default="10,30,50,70", show_default=True, help="History lengths to compare.")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
@pass_settings
def stats(settings: Settings, /, *, split: Any, windows: str, as_json: bool, **chosen: Any) -> None:
    """Count users, items and ratings, and how long histories are.

    DATASET is a name, or a folder that `duetbench data prepare` has written.
    """
    from duetbench.cli import data_tables
    from duetbench.data.statistics import split_statistics, window_statistics

    lengths = _whole_numbers(windows)
    prepared, dataset = prepared_dataset(settings, chosen)
    splits = split_statistics(prepared)
    found = window_statistics(prepared, split, history_options(chosen), windows=lengths)
    if as_json:
        data_tables.print_json(prepared, splits, found)
        return
    data_tables.print_splits(settings, splits)
    data_tables.print_windows(settings, found, split)
    data_tables.print_counts(settings, prepared)
    data_tables.print_differences(settings, prepared, dataset)


@data.command()
@chooses_dataset
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("-n", "n", default=1, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--seed", default=0, show_default=True, help="Which ones.")
@click.option("--lines", default=5, show_default=True, help="How many lines of each history to show.")
@pass_settings
def sample(settings: Settings, /, *, split: Any, n: int, seed: int, lines: int, **chosen: Any) -> None:
    """Show examples of DATASET with the histories that they come with."""
    from duetbench.cli import data_tables
    from duetbench.data import build_examples
    from duetbench.errors import DataError

    prepared, _ = prepared_dataset(settings, chosen)
    examples = build_examples(prepared, split, history_options(chosen), limit=n, seed=seed)
    if not examples:
        raise DataError(f"{prepared.name} has no {split} rows after its steps; choose another --split or other --steps")
    for example in examples:
        click.echo(data_tables.example_text(example, lines))


@data.command()
@chooses_dataset
@click.option("--prompts", multiple=True, type=click.Path(path_type=Path), metavar="LOG", help="JSON lines, or a cell.")
@click.option("--strategy", "strategies", multiple=True, metavar="NAME", help="Probe this strategy without a model.")
@click.option(
    "--scorer", default="rating_text", show_default=True, metavar="NAME", help="Whose prompts are probed too."
)
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", show_default=True)
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1), help="So many examples at most.")
@pass_settings
def check(settings: Settings, /, **chosen: Any) -> None:
    """Run the leakage guards on data, logs of prompts and strategies.

    A log holds one JSON object a line: `text` or `messages`, and as far as known `requests`, `key`, `purpose`; or it
    is a cell's folder of `duetbench run`. Any leak is an error.
    """
    from duetbench.cli.data_check import check_command

    check_command(settings, chosen)


@data.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "form", required=True, metavar="FORMAT", help="amazon-2014, amazon-2018, amazon-2023, yelp.")
@click.option("--interactions", default=100_000, show_default=True, type=click.IntRange(min=1), metavar="N")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), metavar="S")
@click.option("--category", default="Digital_Music", show_default=True, help="Of Amazon's file names.")
@click.option("--pack", type=click.Choice(["gz", "zst", "none"]), help="[default: as the official files come]")
@pass_settings
def generate(
    settings: Settings, folder: Path, form: str, interactions: int, seed: int, category: str, pack: Any
) -> None:
    """Write made-up raw files in an official format into FOLDER.

    Any size; the same arguments give the same bytes.
    """
    from duetbench.data.synthetic.generate import SyntheticSpec, format_named
    from duetbench.data.synthetic.generate import generate as write

    known = format_named(form)
    with settings.progress_console.status(f"writing {interactions:,} made-up interactions"):
        files = write(folder, known, SyntheticSpec(interactions, seed, category), pack=pack)
    for path in files.values():
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


@data.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--name", default="imported", show_default=True, help="How it is called: --set imported.table=NAME.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Instead of the cache.")
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS", help="user_id=uid, rating=stars, review=text, ...")
@click.option("--items", metavar="SOURCE", help="A table of items with title, categories, description.")
@click.option("--noun", default="item", show_default=True, help="What is rated, as prompts name it.")
@click.option("--plural", metavar="NOUNS", help="[default: NOUN with an s]")
@click.option("--labels", default="1,2,3,4,5", show_default=True, help="The rating scale, ascending.")
@click.option("--time", "time_unit", type=click.Choice(["auto", "s", "ms", "date"]), default="auto", show_default=True)
@click.option("--since", default="1990-01-01", show_default=True, metavar="DATE", help="An older time is a fault.")
@click.option("--tolerated", default=0.01, show_default=True, type=_SHARE, help="Of unusable rows, let pass.")
@pass_settings
def import_(settings: Settings, /, **chosen: Any) -> None:
    """Bring in tables of your own, of many kinds.

    Kinds: .csv, .tsv and .jsonl (plain, .gz or .zst), .parquet, .pkl, or hf:NAME or hf:FOLDER of a Hugging Face
    dataset. Each SOURCE may say its split: train=a.csv valid=b.csv test=c.csv; so may each row, in a column named
    split. Columns are found under usual names, or named with --map. Ratings are whole steps of --labels. Afterwards:
    duetbench run --dataset imported --set imported.table=NAME ...
    """
    from duetbench.cli.data_import import import_command

    import_command(settings, chosen)


@data.command()
@chooses_dataset
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["parquet", "datasets"]), default="parquet", show_default=True)
@pass_settings
def export(settings: Settings, /, *, folder: Path, form: Any, **chosen: Any) -> None:
    """Write DATASET into FOLDER as Parquet or as a DatasetDict.

    A DatasetDict is opened with `datasets.load_from_disk(FOLDER)`.
    """
    from duetbench.data.interchange.exports import export as write

    prepared, _ = prepared_dataset(settings, chosen)
    for split, n_rows in write(prepared, folder, form).items():
        click.echo(f"{split}  {n_rows:,} rows")
    click.echo(f"written to {folder}")


def prepared_dataset(settings: Settings, chosen: dict[str, Any]) -> tuple[Prepared, Dataset | None]:
    """What DATASET names, prepared, with the dataset's plugin; None for a folder.

    Raises:
        UnknownName: neither a dataset nor a folder.
        UsageError: options that a folder cannot follow, since it is prepared already.
        ConfigError: options that do not fit.
        DataError: it cannot be prepared.
    """
    from duetbench.data import load_prepared
    from duetbench.data import prepare as make

    folder = Path(chosen["dataset"])
    if (folder / "manifest.json").is_file():
        _refuse_ignored(folder, chosen)
        return load_prepared(folder), None
    registered = settings.plugins.get("dataset", chosen["dataset"])
    values = section(chosen["set_"], registered.cls.name, also=("history", *_probed(chosen)))
    dataset: Any = registered.cls(build(registered.cls.Config, values, registered.cls.name))
    steps = _listed(chosen["steps"])
    with settings.progress_console.status(f"preparing {registered.cls.name}") as status:
        prepared = make(
            dataset, raw=chosen["raw"], steps=steps, tolerated=chosen["tolerated"], on_progress=status.update
        )
    return prepared, dataset


def _refuse_ignored(folder: Path, chosen: dict[str, Any]) -> None:
    from duetbench.errors import UsageError

    given = [f"--{name}" for name in ("raw", "steps") if chosen[name] is not None]
    if given:
        raise UsageError(f"{folder} is prepared already: {' and '.join(given)} change nothing; name a dataset")
    section(chosen["set_"], "history", also=_probed(chosen))


def history_options(chosen: dict[str, Any]) -> HistoryOptions:
    """How histories are taken: `--set history.OPTION=VALUE`.

    Raises:
        ConfigError: options that do not fit.
    """
    from duetbench.data import HistoryOptions

    values = section(chosen["set_"], "history", also=(chosen["dataset"], *_probed(chosen)))
    options: HistoryOptions = build(HistoryOptions, values, "history")
    return options


def build(config_class: type, values: dict[str, str], path: str) -> Any:
    """The options of one scope.

    Raises:
        ConfigError: options that do not fit.
    """
    from duetbench.config import build_config
    from duetbench.errors import ConfigError

    config, faults = build_config(config_class, values, path=path)
    if faults:
        raise ConfigError(faults)
    return config


def _probed(chosen: dict[str, Any]) -> tuple[str, ...]:
    """The plugins whose options may be set beside the dataset's."""
    return (*chosen.get("strategies", ()), chosen["scorer"]) if "scorer" in chosen else ()


def section(set_: tuple[str, ...], name: str, *, also: tuple[str, ...]) -> dict[str, str]:
    """The settings of one scope by option.

    Raises:
        ConfigError: a setting belongs neither to it nor to one of the other scopes.
    """
    from duetbench.config import parse_settings
    from duetbench.errors import ConfigError

    found = parse_settings(set_)
    scopes = (name, *also)
    strangers = [key for key in found if key.partition(".")[0] not in scopes]
    if strangers:
        known = ", ".join(f"{scope}.*" for scope in scopes)
        raise ConfigError([f"{key}: only {known} can be set here" for key in strangers])
    return {key.removeprefix(f"{name}."): value for key, value in found.items() if key.startswith(f"{name}.")}


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _whole_numbers(text: str) -> list[int]:
    from duetbench.errors import UsageError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(f"--windows wants whole numbers such as 10,30,50,70, not '{text}'")
    return [int(part) for part in parts]
