"""`duetbench plugin`: creates plugin files and runs the conformance checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import any_plugin_name, kind_name, model_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duetbench.interfaces import Kind, Plugin
    from duetbench.plugins import RegisteredPlugin
    from duetbench.testing import CheckResult, Conformance
    from duetbench.testing.conformance.base import Observation
    from duetbench.types import ModelRef

_COLOURS = {"pass": "green", "fail": "red", "skipped": "yellow"}


@click.group()
def plugin() -> None:
    """Create and check your own plugins."""


@plugin.command()
@click.argument("name", type=any_plugin_name())
@click.option("--kind", type=kind_name(), metavar="KIND", help="The kind, if plugins of several kinds have this name.")
@click.option("--set", "settings_", multiple=True, metavar="NAME.OPTION=VALUE", help="Set an option of the plugin.")
@click.option(
    "--model", type=model_name(), metavar="NAME", help="Model for engines and trainers: a card's name or path:DIR."
)
@click.option(
    "--raw", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with a dataset's raw files."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the results as JSON.")
@pass_settings
def check(
    settings: Settings,
    name: str,
    kind: str | None,
    settings_: tuple[str, ...],
    model: str | None,
    raw: Path | None,
    report: Path | None,
) -> None:
    """Run the conformance checks on the plugin NAME; exit code 1 if one fails."""
    from duetbench.cli.plugins_list import report_faults

    registered = _registered(settings, name, kind)
    report_faults(settings.plugins)
    conformance = _conformance(registered, _options(registered.cls, settings_), model, raw)
    results = conformance.run(_print_result)
    has_failed = any(result.outcome == "fail" for result in results)
    observations = [] if has_failed else conformance.observations()
    _print_observations(observations)
    warnings = [] if has_failed else conformance.warnings()
    for warning in warnings:
        echo(f"warning: {warning}", fg="yellow")
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in _COLOURS}
    totals = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    echo(f"{registered.kind} {name} from {registered.origin}: {totals}")
    if report:
        _write_report(report, registered, conformance.options, results, observations, warnings)
    if counts["fail"]:
        raise click.exceptions.Exit(1)


@plugin.command()
@click.argument("kind", type=kind_name())
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("plugins"),
    show_default=True,
    help="Folder to write the file to.",
)
@pass_settings
def new(settings: Settings, /, kind: str, name: str, into: Path) -> None:
    """Write a working single-file plugin of a KIND, called NAME, from a template."""
    from duetbench.cli.plugins_list import kind_named
    from duetbench.errors import PluginError
    from duetbench.testing.new_plugin import write_plugin

    chosen = kind_named(kind)
    if name in settings.plugins.of_kind(chosen):
        raise PluginError(f"a {chosen} named '{name}' already exists: choose another name")
    path = write_plugin(chosen, name, into)
    echo(f"Wrote {path}, a working template. Check it with:")
    echo(f"duetbench --plugins-dir {into} plugin check {name} --kind {chosen}")


def _registered(settings: Settings, name: str, kind: str | None) -> RegisteredPlugin:
    """The plugin of that name; the kind is required only if plugins of several kinds have the name."""
    from duetbench.cli.plugins_list import kind_named
    from duetbench.errors import UnknownName, UsageError
    from duetbench.interfaces import PLURALS

    if kind:
        return settings.plugins.get(kind_named(kind), name)
    by_kind = {plugin_kind: settings.plugins.of_kind(plugin_kind) for plugin_kind in PLURALS}
    matches = [plugins[name] for plugins in by_kind.values() if name in plugins]
    if not matches:
        notes = f"Broken plugins: {'; '.join(map(str, settings.plugins.broken))}." if settings.plugins.broken else ""
        raise UnknownName("plugin", name, {known for plugins in by_kind.values() for known in plugins}, note=notes)
    if len(matches) > 1:
        raise UsageError(f"'{name}' is a {' and a '.join(match.kind for match in matches)}: select one with --kind")
    return matches[0]


def _options(cls: type[Plugin], texts: tuple[str, ...]) -> dict[str, Any]:
    """The options given on the command line.

    Raises:
        ConfigError: the invalid options, all at once.
    """
    from duetbench.config import build_config, parse_settings
    from duetbench.errors import ConfigError

    values = parse_settings(texts)
    prefix = f"{cls.name}."
    faults = [f"{path}: only options of '{cls.name}' can be set here" for path in values if not path.startswith(prefix)]
    options = {path.removeprefix(prefix): value for path, value in values.items() if path.startswith(prefix)}
    _, option_faults = build_config(cls.Config, options, path=cls.name)
    if faults or option_faults:
        raise ConfigError([*faults, *option_faults])
    return options


def _conformance(
    registered: RegisteredPlugin, options: Mapping[str, Any], model: str | None, raw: Path | None
) -> Conformance:
    from duetbench.testing import CONFORMANCE

    attributes: dict[str, Any] = {"plugin": registered.cls, "options": options}
    if model:
        attributes["model"] = _resolved(registered.kind, model)
    if raw:
        attributes["raw"] = raw
    conformance: Conformance = type("Checked", (CONFORMANCE[registered.kind],), attributes)()
    return conformance


def _resolved(kind: Kind, model: str) -> ModelRef:
    from duetbench.errors import UsageError

    if kind not in ("engine", "trainer"):
        raise UsageError(f"--model is for engines and trainers, not for a {kind}")
    from duetbench.models import resolve

    return resolve(model)


def _print_result(result: CheckResult) -> None:
    echo(f"{result.outcome:<8}", nl=False, fg=_COLOURS[result.outcome])
    reason = f": {result.reason}" if result.reason else ""
    echo(f"{result.meaning.removesuffix('.')}{reason}")


def _print_observations(observations: Sequence[Observation]) -> None:
    """Prints the mean reward per kind of completion; only rewards have observations."""
    if observations:
        echo("mean reward per kind of completion:")
    for observation in observations:
        value = "does not apply" if observation.value is None else f"{observation.value:.3f}"
        echo(f"  {observation.name:<15}{value:>15}  {observation.meaning}")


def _write_report(
    path: Path,
    registered: RegisteredPlugin,
    options: Mapping[str, Any],
    results: Sequence[CheckResult],
    observations: Sequence[Observation],
    warnings: Sequence[str],
) -> None:
    import dataclasses
    import platform

    from duetbench import __version__

    report = {
        "plugin": registered.cls.name,
        "kind": registered.kind,
        "origin": registered.origin,
        "options": dict(options),
        "duetbench": __version__,
        "python": platform.python_version(),
        "checks": [dataclasses.asdict(result) for result in results],
        "findings": [dataclasses.asdict(observation) for observation in observations],
        "warnings": list(warnings),
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    echo(f"report: {path}", err=True)
