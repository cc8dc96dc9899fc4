"""`duetbench list` and `duetbench show`: the plugins and their options."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import kind_name, model_name, plugin_name, shown_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo
from duetbench.cli.tables import print_rows

if TYPE_CHECKING:
    from duetbench.interfaces import Kind
    from duetbench.plugins import Plugins, RegisteredPlugin


@click.command("list")
@click.argument("kind", required=False, type=kind_name())
@pass_settings
def list_command(settings: Settings, kind: str | None) -> None:
    """List the plugins of one KIND or of all: datasets, engines, strategies, scorers, rewards, trainers, metrics."""
    from duetbench.interfaces import PLURALS

    kinds = [kind_named(kind)] if kind else list(PLURALS)
    plugins = [registered for listed_kind in kinds for registered in settings.plugins.of_kind(listed_kind).values()]
    rows = [(registered.kind, registered.cls.name, registered.origin, _summary(registered)) for registered in plugins]
    print_rows(settings, ("kind", "name", "origin", "summary"), rows)
    report_faults(settings.plugins)


@click.command()
@click.argument("kind", type=kind_name("options", "preset", "prompt"))
@click.argument("name", required=False, type=shown_name())
@click.option("--dataset", type=plugin_name("dataset"), metavar="NAME", help="prompt: the dataset.  [default: toy]")
@click.option("--model", type=model_name(), metavar="NAME", help="prompt: the model.  [default on toy: toy-lm]")
@click.option("--split", type=click.Choice(["train", "valid", "test"]), default="test", help="prompt: the split.")
@click.option("--example", type=click.IntRange(min=0), default=0, metavar="N", help="prompt: the row, counted from 0.")
@click.option(
    "--control",
    type=plugin_name("control"),
    metavar="NAME",
    help="prompt: what the scorer reads under this control.",
)
@click.option("--set", "settings_", multiple=True, metavar="PATH=VALUE", help="prompt: options, as in `run`.")
@pass_settings
def show(settings: Settings, /, kind: str, name: str | None, settings_: tuple[str, ...], **row: Any) -> None:
    """Describe the plugin NAME of a KIND: summary, origin and options.

    With KIND `prompt`: show the prompts of strategy NAME for one row of a dataset, with the chat template applied; with
    --control, the prompts of the scorer under that control.
    With KIND `preset`: show a preset's options with the source of each value; `paper` and `duet-code` are compared.
    With KIND `options`: show the options of a run that belong to no plugin, those of the section NAME or of all.
    """
    from duetbench.config import options_of, value_text

    if kind == "options":
        from duetbench.cli.show.options import show_options

        show_options(settings, name)
        return
    if name is None:
        raise click.UsageError(f"show {kind} needs a NAME; `duetbench list` lists the plugins")
    if kind == "prompt":
        from duetbench.cli.show.prompt import PromptRow, show_prompts

        show_prompts(settings, name, PromptRow(**row), settings_)
        return
    if kind == "preset":
        from duetbench.cli.show.preset import show_preset

        show_preset(settings, name)
        return
    registered = settings.plugins.get(kind_named(kind), name)
    echo("\n".join(_description(registered)))
    options = options_of(registered.cls.Config)
    if options:
        echo(f"\nOptions, each set with --set {name}.OPTION=VALUE:")
        rows = [(option.name, option.type, value_text(option.default), option.meaning) for option in options]
        print_rows(settings, ("option", "type", "default", "meaning"), rows)
    else:
        echo("\nIt has no options.")
    report_faults(settings.plugins)


def _summary(registered: RegisteredPlugin) -> str:
    """What the plugin does, and why it cannot run here if so."""
    reason = registered.missing()
    return f"{registered.cls.summary} ({reason})" if reason else registered.cls.summary


def kind_named(text: str) -> Kind:
    """The kind with this singular or plural name.

    Raises:
        UnknownName: there is no such kind.
    """
    from duetbench.errors import UnknownName
    from duetbench.interfaces import PLURALS

    for kind, plural in PLURALS.items():
        if text.lower() in (kind, plural):
            return kind
    raise UnknownName("kind of plugin", text, PLURALS.values())


def report_faults(plugins: Plugins) -> None:
    """Prints the broken and the blocked plugins on stderr, one line each."""
    for broken in dict.fromkeys(plugins.broken):
        echo(f"duetbench: broken plugin: {broken}", err=True)
    for name in dict.fromkeys(plugins.blocked):
        echo(f"duetbench: blocked by DUETBENCH_DISABLE_PLUGINS: {name}", err=True)


def _description(registered: RegisteredPlugin) -> list[str]:
    from duetbench.interfaces import Strategy

    cls = registered.cls
    lines = [f"{registered.kind} {cls.name}: {cls.summary}", f"origin: {registered.origin}"]
    if cls.source:
        lines.append(f"source: {cls.source}")
    lines += ["", *inspect.cleandoc(vars(cls).get("__doc__") or "").splitlines()]
    if issubclass(cls, Strategy) and cls.omitted:
        lines += ["", "Parts of the published method that it does not have:", *(f"- {part}" for part in cls.omitted)]
    return lines
