"""What `duetbench data import` does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data.interchange.imports import ImportOptions, ImportResult


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def import_command(settings: Settings, chosen: dict[str, Any]) -> None:
    """Reads the sources, writes the folder and says what was found."""
    from duetbench.data.interchange.imports import import_tables
    from duetbench.data.interchange.sources import parse_source
    from duetbench.paths import cache_dir

    if not _NAME.fullmatch(chosen["name"]):
        raise click.UsageError(f"--name wants letters, digits, dots, - and _, not '{chosen['name']}'")
    sources = [parse_source(text) for text in chosen["sources"]]
    items = parse_source(chosen["items"]) if chosen["items"] else None
    folder = chosen["out"] or cache_dir("imported", chosen["name"])
    options = _options(chosen)
    with settings.progress_console.status(f"reading {', '.join(source.place for source in sources)}"):
        found = import_tables(sources, folder, options, items=items)
    _report(settings, found)
    where = f"imported.raw={folder}" if chosen["out"] else f"imported.table={chosen['name']}"
    click.echo(f"use it with: duetbench run --dataset imported --set {where}")


def _options(chosen: dict[str, Any]) -> ImportOptions:
    from duetbench.data.interchange.imports import ImportOptions
    from duetbench.data.preparation.time_windows import moment_of
    from duetbench.errors import UsageError
    from duetbench.types import Domain

    labels = [label.strip() for label in chosen["labels"].split(",")]
    if not all(label.removeprefix("-").isdecimal() for label in labels) or len(labels) < 2:
        raise UsageError(f"--labels wants two or more whole numbers such as 1,2,3,4,5, not '{chosen['labels']}'")
    pairs = [text.partition("=") for text in chosen["maps"]]
    wrong = [ours + equals + theirs for ours, equals, theirs in pairs if not (ours and theirs)]
    if wrong:
        raise UsageError(f"--map wants OURS=THEIRS, as in rating=stars, not '{wrong[0]}'")
    moment_of(chosen["since"], "--since")
    return ImportOptions(
        Domain(chosen["noun"], chosen["plural"] or f"{chosen['noun']}s", tuple(sorted(map(int, labels)))),
        {ours.strip(): theirs.strip() for ours, _, theirs in pairs},
        chosen["time_unit"],
        chosen["since"],
        chosen["tolerated"],
    )


def _report(settings: Settings, found: ImportResult) -> None:
    from duetbench.cli.data_tables import print_table

    click.echo("columns: " + ", ".join(f"{ours} from '{theirs}'" for ours, theirs in found.columns.items()))
    click.echo(f"{found.rows:,} interactions, {found.items:,} items, {'with' if found.has_splits else 'no'} splits")
    rows = [(kind, f"{count:,}", "left out") for kind, count in found.dropped.items()]
    rows += [(kind, f"{count:,}", "kept") for kind, count in found.noted.items()]
    if rows:
        print_table(settings, ("found while reading", "rows", "and"), rows)
    click.echo(f"imported into {found.folder}")
