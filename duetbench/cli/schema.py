"""`duetbench schema`: JSON Schemas that are generated from types."""

from __future__ import annotations

import click

from duetbench.cli.output import echo


@click.group()
def schema() -> None:
    """JSON Schemas of the files that duetbench writes."""


@schema.command()
@click.option("--write", is_flag=True, help="Update registry/schemas/record.schema.json instead of printing.")
def record(write: bool) -> None:
    """Print the JSON Schema of records, generated from their types."""
    from duetbench.atomic import write_text
    from duetbench.records.schema import schema_file, schema_text

    if write:
        write_text(schema_file(), schema_text())
        echo(f"wrote {schema_file()}", err=True)
    else:
        echo(schema_text(), nl=False)
