"""Imports tables for `duetbench data import`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data.interchange.imports import ImportOptions, ImportResult
    from duetbench.data.interchange.sources import DelimitedOptions, TableSource


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def import_command(settings: Settings, arguments: dict[str, Any]) -> None:
    """Reads the sources, writes the folder and prints a summary."""
    from duetbench.data.interchange.imports import import_tables
    from duetbench.paths import cache_dir

    if not _NAME.fullmatch(arguments["name"]):
        raise click.UsageError(f"--name must consist of letters, digits, dots, - and _, got '{arguments['name']}'")
    sources, items = _sources(arguments)
    folder = arguments["out"] or cache_dir("imported", arguments["name"])
    options = _options(arguments)
    with settings.progress_console.status(f"reading {', '.join(source.location for source in sources)}"):
        result = import_tables(sources, folder, options, items=items)
    _print_result(settings, result)
    setting = f"imported.raw={folder}" if arguments["out"] else f"imported.table={arguments['name']}"
    echo(f"use it with: duetbench run --dataset imported --set {setting}")


def _sources(arguments: dict[str, Any]) -> tuple[list[TableSource], TableSource | None]:
    """The tables of interactions, and the table of items."""
    from duetbench.data.interchange.sources import parse_source

    forms = [delimited_options(arguments, columns=name) for name in ("columns", "item_columns")]
    sources = [parse_source(text, forms[0]) for text in arguments["sources"]]
    items = parse_source(arguments["items"], forms[1]) if arguments["items"] else None
    item_sources = [items] if items else []
    for name, tables in (
        ("columns", sources), ("item_columns", item_sources),
        ("separator", sources + item_sources), ("encoding", sources + item_sources),
    ):  # fmt: skip
        if arguments[name] and not any(table.delimited_format for table in tables):
            locations = ", ".join(table.location for table in tables) or "there is no --items"
            raise click.UsageError(f"--{name.replace('_', '-')} is only for delimited text: {locations}")
    return sources, items


def delimited_options(arguments: dict[str, Any], *, columns: str = "columns") -> DelimitedOptions:
    """What the arguments separator, encoding and columns say about delimited text."""
    from duetbench.data.interchange.sources import DelimitedOptions
    from duetbench.data.readers.delimited import UTF_8, normalize_encoding

    separator = _parse_separator(arguments["separator"])
    encoding = normalize_encoding(arguments["encoding"]) if arguments["encoding"] else UTF_8
    return DelimitedOptions(separator, _names(arguments[columns]), encoding)


def _parse_separator(text: str | None) -> str | None:
    separator = None if text is None else text.replace("\\t", "\t")
    if separator is not None and (not separator or set(separator) & set('"\r\n')):
        raise click.UsageError(f"--separator: expected text without quotes and line ends, as ';' or '::', got '{text}'")
    return separator


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()


def _options(arguments: dict[str, Any]) -> ImportOptions:
    from duetbench.data.interchange.imports import ImportOptions
    from duetbench.data.preparation.time_windows import parse_timestamp_argument
    from duetbench.types import Domain

    domain = Domain(arguments["noun"], arguments["plural"] or f"{arguments['noun']}s")
    is_auto = arguments["labels"].strip() == "auto"
    column_map = parse_maps(arguments["maps"])
    parse_timestamp_argument(arguments["since"], "--since")
    return ImportOptions(
        domain if is_auto else replace(domain, labels=parse_scale("--labels", arguments["labels"])),
        column_map,
        arguments["time_unit"],
        arguments["since"],
        arguments["max_error_rate"],
        find_labels=is_auto,
        missing=_numbers("--missing", arguments["missing"]),
        rescale=parse_scale("--rescale", arguments["rescale"]) if arguments["rescale"] else (),
    )


def parse_maps(maps: Sequence[str]) -> dict[str, str]:
    """The columns that `--map FIELD=COLUMN` names, by field."""
    from duetbench.errors import UsageError

    pairs = [text.partition("=") for text in maps]
    invalid = [field + equals + column for field, equals, column in pairs if not (field and column)]
    if invalid:
        raise UsageError(f"--map: expected FIELD=COLUMN, as in rating=stars, got '{invalid[0]}'")
    return {field.strip(): column.strip() for field, _, column in pairs}


def parse_scale(name: str, text: str) -> tuple[float, ...]:
    """The labels that an option of this name gives.

    Raises:
        UsageError: they are no scale.
    """
    from duetbench.errors import UsageError
    from duetbench.scales import parse_labels

    try:
        return parse_labels(text)
    except ValueError as error:
        auto = ", or auto" if name == "--labels" else ""
        raise UsageError(
            f"{name}: expected labels such as 1,2,3,4,5, a range such as 1:10 or 0.5:5:0.5{auto}, got '{text}': {error}"
        ) from error


def _numbers(name: str, text: str | None) -> tuple[float, ...]:
    from duetbench.errors import UsageError

    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"{name}: expected numbers such as 0 or 0,-1, got '{text}'") from None


def _print_result(settings: Settings, result: ImportResult) -> None:
    from duetbench.cli.data.tables import print_row_counts

    echo("columns: " + ", ".join(f"{field} from '{column}'" for field, column in result.columns.items()))
    splits = "with" if result.has_splits else "no"
    described = "" if result.described_items is None else f" ({result.described_items:,} of them in the table of items)"
    echo(f"{result.rows:,} interactions, {result.items:,} items{described}, {splits} splits")
    echo(f"ratings on the scale {_scale_counts(result)}")
    if result.unrated:
        echo(f"{result.unrated:,} rows without a rating (--missing) are left out")
    if result.described_items == 0:
        echo(
            f"warning: none of {result.items:,} items occurs in the item table: are the ids of both tables the same?",
            err=True,
        )
    print_row_counts(settings, result.dropped, result.noted)
    echo(f"imported into {result.folder}")


def _scale_counts(result: ImportResult) -> str:
    """The scale, with the number of ratings of each label: `1 to 3: 1 (5), 2 (0), 3 (9)`."""
    from duetbench.scales import label_text, scale_text

    counts = ", ".join(f"{label_text(label)} ({count:,})" for label, count in result.ratings.items())
    return f"{scale_text(tuple(result.ratings))}: {counts}"
