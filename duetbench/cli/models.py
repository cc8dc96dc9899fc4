"""`duetbench models`: which models there are, fetching them, and building the toy one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.models import ModelCard
    from duetbench.models.resolve import Progress

BUILDABLE = ("toy-lm",)


@click.group()
def models() -> None:
    """Models: what is known of them, and having them here."""


@models.command("list")
@pass_settings
def list_models(settings: Settings) -> None:
    """All model cards, and which models are on this machine."""
    from duetbench.cli.plugins_list import print_rows
    from duetbench.models import card_names, load_card
    from duetbench.models.resolve import local_folder

    cards = [load_card(name) for name in card_names()]
    rows = [(card.name, "here" if local_folder(card) else "-", card.licence, card.summary) for card in cards]
    print_rows(settings, ("name", "where", "licence", "what it is"), rows)


@models.command()
@click.argument("name")
def show(name: str) -> None:
    """What is known of the model NAME, or of path:DIR."""
    if name.startswith("path:"):
        from duetbench.models import resolve

        reference = resolve(name)
        click.echo(f"{name}\nfolder: {reference.path}\ndigest: {reference.digest}")
        return
    from duetbench.models import load_card

    click.echo("\n".join(_description(load_card(name))))


@models.command()
@click.argument("name")
@pass_settings
def pull(settings: Settings, name: str) -> None:
    """Fetch the model NAME from the first of its sources that has it, and check its digests."""
    from duetbench.models import resolve

    with _progress(settings) as on_progress:
        reference = resolve(name, on_progress=on_progress)
    click.echo(f"{name} is in {reference.path}\ndigest {reference.digest}")


@models.command()
@click.argument("name")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another model.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for it; default: in the cache, by its seed."
)
@pass_settings
def build(settings: Settings, name: str, seed: int, out: Path | None) -> None:
    """Train the model NAME from scratch and measure it; only toy-lm is small enough for that.

    The result is a model folder, used with --model path:DIR.
    """
    from duetbench.errors import UnknownName
    from duetbench.paths import cache_dir

    if name not in BUILDABLE:
        note = f"Others are fetched: duetbench models pull {name}."
        raise UnknownName("model that can be built", name, BUILDABLE, note=note)
    from duetbench.toy.build import build_toy_lm

    folder = out or cache_dir("models", f"{name}-seed-{seed}")
    with _progress(settings) as on_progress:
        report = build_toy_lm(folder, seed=seed, on_progress=on_progress)
    click.echo("\n".join(report.lines()))
    click.echo(f"use it with --model path:{folder}")


def _description(card: ModelCard) -> Iterator[str]:
    from duetbench.models.resolve import local_folder

    yield f"model {card.name}: {card.summary}"
    yield f"source: {card.source}"
    yield f"licence: {card.licence}"
    if card.parameters:
        yield f"parameters: {card.parameters}"
    yield f"context length: {card.context_length} tokens"
    for title, values in (("chat template", card.template_args), ("options", card.options)):
        for key, value in values.items():
            yield f"{title}: {key}={value}"
    for number, source in enumerate(card.sources, start=1):
        yield f"source {number}: {source}"
    for name, digest in card.digests.items():
        yield f"sha256 {digest}  {name}"
    yield f"on this machine: {local_folder(card) or 'no; `duetbench models pull ' + card.name + '` fetches it'}"


@contextlib.contextmanager
def _progress(settings: Settings) -> Iterator[Progress]:
    """One bar on stderr that says what is being done and, where that is known, how far it is."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=settings.progress_console, transient=True) as bars:
        task = bars.add_task("", total=None)

        def on_progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total or None)

        yield on_progress
