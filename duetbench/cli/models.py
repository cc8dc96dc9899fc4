"""`duetbench models`: lists models, fetches them, and builds the toy model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.completion import model_name, words
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.models import ModelCard
    from duetbench.models.sources import FetchProgress

BUILDABLE = ("toy-lm",)


@click.group()
def models() -> None:
    """List, show, fetch and build models."""


@models.command("list")
@pass_settings
def list_models(settings: Settings) -> None:
    """List all model cards, and which models are on this machine."""
    from duetbench.cli.tables import print_rows
    from duetbench.models import card_names, load_card
    from duetbench.models.locations import local_folder

    cards = [load_card(name) for name in card_names()]
    rows = [(card.name, "yes" if local_folder(card) else "-", card.licence, card.summary) for card in cards]
    print_rows(settings, ("name", "local", "licence", "summary"), rows)


@models.command()
@click.argument("name", type=model_name())
def show(name: str) -> None:
    """Show the card of the model NAME, or the digest of path:DIR."""
    if name.startswith("path:"):
        from duetbench.models import resolve

        reference = resolve(name)
        echo(f"{name}\nfolder: {reference.path}\ndigest: {reference.digest}")
        return
    from duetbench.models import load_card

    echo("\n".join(_description(load_card(name))))


@models.command()
@click.argument("name", type=model_name())
@pass_settings
def pull(settings: Settings, name: str) -> None:
    """Fetch the model NAME from the first of its sources that has it, and check its digests."""
    from duetbench.models import resolve

    with _progress(settings) as on_progress:
        reference = resolve(name, on_progress=on_progress)
    echo(f"{name} is in {reference.path}\ndigest {reference.digest}")


@models.command()
@click.argument("name", type=words(lambda: BUILDABLE))
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the weights and the training.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Target folder; default: in the cache, by its seed.",
)
@pass_settings
def build(settings: Settings, name: str, seed: int, out: Path | None) -> None:
    """Train the model NAME from scratch and measure it; only toy-lm is small enough.

    The result is a model folder, to be used with --model path:DIR.
    """
    from duetbench.errors import UnknownName
    from duetbench.paths import cache_dir

    if name not in BUILDABLE:
        note = f"Other models are fetched: duetbench models pull {name}."
        raise UnknownName("model that can be built", name, BUILDABLE, note=note)
    from duetbench.toy.build import build_toy_lm

    folder = out or cache_dir("models", f"{name}-seed-{seed}")
    with _progress(settings) as on_progress:
        report = build_toy_lm(folder, seed=seed, on_progress=on_progress)
    echo("\n".join(report.lines()))
    echo(f"use it with --model path:{folder}")


def _description(card: ModelCard) -> Iterator[str]:
    from duetbench.models.locations import local_folder

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
def _progress(settings: Settings) -> Iterator[FetchProgress]:
    """Shows a progress bar on stderr with the current step and, if it is known, its share of the total."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=settings.progress_console, transient=True) as bars:
        task = bars.add_task("", total=None)

        def on_progress(step: str, done: int, total: int) -> None:
            bars.update(task, description=step, completed=done, total=total or None)

        yield on_progress
