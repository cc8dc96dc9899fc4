"""`duetbench store`: what the request store holds, and why a request was computed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.engines.store.database import RequestStore
    from duetbench.engines.store.explain_miss import MissExplanation, StoredRequest

_file = click.option(
    "--store",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The store's file; default: the one that all runs share.",
)


@click.group()
def store() -> None:
    """The request store: every answer that a model ever gave, by what it was asked."""


@store.command()
@_file
@pass_settings
def stats(settings: Settings, path: Path | None) -> None:
    """How many answers are kept, from which models, and what failed."""
    from duetbench.cli.plugins_list import print_rows
    from duetbench.engines.store.statistics import store_contents

    with _opened(path) as opened:
        found = store_contents(opened)
        rows = [
            [each.engine, each.model[:12], each.adapter[:12] or "-", each.dtype, each.verb, *map(str, each.counts)]
            for each in found.held
        ]
        print_rows(settings, ("engine", "model", "adapter", "dtype", "asked for", "answers", "failed"), rows)
        failed = ", ".join(f"{n} {status}" for status, n in found.failures.items())
        click.echo(
            f"{opened.path}: {found.bytes / 2**20:.2f} MB{'; never answered: ' + failed if failed else ''}", err=True
        )


@store.command()
@click.argument("key")
@click.argument("other", required=False)
@_file
@pass_settings
def why(settings: Settings, key: str, other: str | None, path: Path | None) -> None:
    """Why a request was not answered by an entry that looks like it.

    KEY is the beginning of a key of the store, or of a prompt's key as the log of a run has it. Shown are the parts in
    which its key differs from the nearest entry's, or from OTHER's.
    """
    from duetbench.engines.store.explain_miss import explain_miss

    with _opened(path) as opened:
        for explanation in explain_miss(opened, key, other):
            click.echo("\n".join(_told(explanation)))
            if settings.verbose:
                click.echo("\n".join(f"  {name} = {value!r}" for name, value in explanation.entry.parts.items()))


class _opened:
    """A store that must be there already: a question must not make an empty one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> RequestStore:
        from duetbench.engines.store.database import RequestStore, default_store
        from duetbench.errors import StoreError

        path = self._path or default_store()
        if not path.is_file():
            raise StoreError(f"there is no request store at {path}: run something first, or name its file with --store")
        self._store = RequestStore(path)
        return self._store

    def __exit__(self, *_error: object) -> None:
        self._store.close()


def _told(explanation: MissExplanation) -> Iterator[str]:
    yield f"{_name(explanation.entry)}: {_fate(explanation.entry)}"
    if explanation.nearest is None:
        yield "  nothing else of its kind is in the store"
        return
    yield f"  nearest: {_name(explanation.nearest)}: {_fate(explanation.nearest)}; its key differs in"
    for difference in explanation.differences:
        yield f"  - {difference.path}: {difference.here} here, {difference.there} there"


def _name(entry: StoredRequest) -> str:
    return f"{entry.verb} {entry.key[:12]} (prompt {entry.prompt_key[:12]})"


def _fate(entry: StoredRequest) -> str:
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(entry.stored_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if entry.status == "ok":
        return f"answered {when}, kept"
    reason = f" ({entry.error})" if entry.error else ""
    return (
        f"ended {entry.status}{reason} {entry.times} time{'s' * (entry.times > 1)}, last {when}; asked again each run"
    )
