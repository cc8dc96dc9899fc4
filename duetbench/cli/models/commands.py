"""`duetbench models`: lists, shows, fetches, describes, converts and builds models."""

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
    """List, show, fetch, add, convert and build models."""


@models.command("list")
@pass_settings
def list_models(settings: Settings) -> None:
    """List all model cards, and which models are on this machine; also models in the cache of the Hugging Face hub."""
    from duetbench.cli.tables import print_rows
    from duetbench.models import card_names, load_card
    from duetbench.models.hub.repository import local_names
    from duetbench.models.locations import local_folder

    cards = [load_card(name) for name in card_names()]
    rows = [(card.name, "yes" if local_folder(card) else "-", card.licence, card.summary) for card in cards]
    rows += [(name, "yes", "-", "in the hub's cache") for name in local_names()]
    print_rows(settings, ("name", "local", "licence", "summary"), rows)


@models.command()
@click.argument("name", type=model_name())
def show(name: str) -> None:
    """Show the card of the model NAME, or folder and digest of path:DIR or hf:ORG/NAME."""
    if name.startswith(("path:", "hf:")):
        from duetbench.models import resolve

        reference = resolve(name, pull=False)
        commit = f"\ncommit: {reference.revision}" if reference.revision else ""
        echo(f"{name}{commit}\nfolder: {reference.path}\ndigest: {reference.digest}")
        return
    from duetbench.models import load_card

    echo("\n".join(_description(load_card(name))))


@models.command()
@click.argument("name", type=model_name())
@pass_settings
def pull(settings: Settings, name: str) -> None:
    """Fetch the model NAME from the first of its sources that has it, and check its digests.

    hf:ORG/NAME is fetched as it is on the hub now; runs use that commit until it is fetched again.
    """
    from duetbench.models import resolve
    from duetbench.models.hub.repository import PREFIX, parse_hub_name, update

    with _progress(settings) as on_progress:
        if name.startswith(PREFIX):
            update(parse_hub_name(name))
        reference = resolve(name, on_progress=on_progress)
    echo(f"{name} is in {reference.path}\ndigest {reference.digest}")


@models.command()
@click.argument("model", type=model_name())
@click.argument("name", required=False)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    show_default=True,
    help="Folder of cards to write it to.",
)
@pass_settings
def add(settings: Settings, /, model: str, name: str | None, into: Path) -> None:
    """Write a card for MODEL: path:DIR, or hf:ORG/NAME[@REVISION], whose weights are not fetched.

    The card holds the commit or the digests of all files, the context length, and what the chat template needs.
    """
    from duetbench.cli.models.new_card import card_for, card_name, write_card
    from duetbench.errors import UsageError
    from duetbench.models import card_names

    if not model.startswith(("path:", "hf:")):
        raise UsageError(f"MODEL is path:DIR or hf:ORG/NAME, got '{model}'")
    chosen = name or card_name(model)
    if chosen in card_names():
        raise UsageError(f"there is a model card '{chosen}' already: give another NAME")
    with _progress(settings) as on_progress:
        card = card_for(model, on_progress)
    path = into / f"{chosen}.yaml"
    write_card(card, path)
    facts = card.facts
    echo(f"Wrote {path}: context length {card.body['context_length']}, {card.body['family']}.")
    echo(f"chat template: arguments {', '.join(facts.arguments) or 'none'}; ends at {' '.join(facts.end_tokens)}")
    if facts.thinking:
        echo(f"{facts.thinking}=false is set: the answer comes without reasoning before it.")
    if not facts.has_system_turn:
        echo("merge_system=true is set: the template has no system turn.")
    echo(f"Use it with: duetbench --models-dir {into} run --model {chosen} ...")


@models.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@pass_settings
def convert(settings: Settings, source: Path, target: Path) -> None:
    """Write the model folder TARGET with safetensors from SOURCE, a GGUF file or a folder with pickled weights.

    Code in pickles is refused and never run.
    """
    from duetbench.models.convert import convert as convert_model

    with _progress(settings) as on_progress:
        on_progress("converting", 0, 0)
        convert_model(source, target)
    echo(f"use it with --model path:{target}")


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

    The result is a model folder, to be used with --model path:DIR. If it does not meet a condition on new pairs, the
    command names it and fails; the folder is kept.
    """
    from duetbench.errors import ModelError, UnknownName
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
    if faults := report.measurements.faults():
        raise ModelError(f"the model in {folder} does not meet {len(faults)} conditions, which the report names")


def _description(card: ModelCard) -> Iterator[str]:
    from duetbench.models.locations import local_folder

    yield f"model {card.name}: {card.summary}"
    yield f"source: {card.source}"
    yield f"licence: {card.licence}"
    for title, text in (("family", card.family), ("parameters", card.parameters)):
        if text:
            yield f"{title}: {text}"
    yield f"context length: {card.context_length} tokens"
    for title, values in (("chat template", card.template_args), ("options", card.options)):
        for key, value in values.items():
            yield f"{title}: {key}={value}"
    if card.merge_system:
        yield "chat template: the system turn is put at the beginning of the user turn"
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
