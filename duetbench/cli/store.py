"""`duetbench store`: statistics of the request store, and why a request was not answered from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

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
    """The request store: the answers of all models, by request."""


@store.command()
@_file
@pass_settings
def stats(settings: Settings, path: Path | None) -> None:
    """Show how many answers are stored, from which models, and what failed."""
    from duetbench.cli.tables import print_rows
    from duetbench.engines.store.statistics import store_contents

    with _existing_store(path) as opened:
        contents = store_contents(opened)
        rows = [
            [stored.engine, stored.model[:12], stored.adapter[:12] or "-", stored.dtype, stored.verb]
            + [str(count) for count in stored.counts]
            for stored in contents.answers
        ]
        print_rows(settings, ("engine", "model", "adapter", "dtype", "request", "answers", "failed"), rows)
        failures = ", ".join(f"{n} {status}" for status, n in contents.failures.items())
        size = f"{opened.path}: {contents.bytes / 2**20:.2f} MB"
        echo(f"{size}{'; without an answer: ' + failures if failures else ''}", err=True)


@store.command()
@click.argument("key")
@click.argument("other", required=False)
@_file
@pass_settings
def explain(settings: Settings, key: str, other: str | None, path: Path | None) -> None:
    """Explain why a request was not answered by a similar entry.

    KEY is the beginning of a key of the store, or of a prompt's key in the log of a run. The output lists the parts in
    which its key differs from that of the most similar entry, or of OTHER.
    """
    from duetbench.engines.store.explain_miss import explain_miss

    with _existing_store(path) as opened:
        for explanation in explain_miss(opened, key, other):
            echo("\n".join(_lines(explanation)))
            if settings.verbose:
                echo("\n".join(f"  {name} = {value!r}" for name, value in explanation.entry.parts.items()))


class _existing_store:
    """Opens a store that must exist already: a query must not create an empty one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> RequestStore:
        from duetbench.engines.store.database import RequestStore, default_store
        from duetbench.errors import StoreError

        path = self._path or default_store()
        if not path.is_file():
            raise StoreError(f"there is no request store at {path}: start a run first, or name the file with --store")
        self._store = RequestStore(path)
        return self._store

    def __exit__(self, *_error: object) -> None:
        self._store.close()


def _lines(explanation: MissExplanation) -> Iterator[str]:
    yield f"{_title(explanation.entry)}: {_outcome(explanation.entry)}"
    if explanation.nearest is None:
        yield "  the store holds no other request of this kind"
        return
    nearest = explanation.nearest
    yield f"  most similar: {_title(nearest)}: {_outcome(nearest)}; the keys differ in"
    for difference in explanation.differences:
        yield f"  - {difference.path}: {difference.here}, most similar: {difference.there}"


def _title(entry: StoredRequest) -> str:
    return f"{entry.verb} {entry.key[:12]} (prompt {entry.prompt_key[:12]})"


def _outcome(entry: StoredRequest) -> str:
    from datetime import UTC, datetime

    time = datetime.fromtimestamp(entry.stored_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if entry.status == "ok":
        return f"answered {time}, stored"
    reason = f" ({entry.error})" if entry.error else ""
    times = f"{entry.times} time{'s' * (entry.times > 1)}"
    return f"ended {entry.status}{reason} {times}, last {time}; computed again in each run"
