"""`duetbench plugin`: a start for a plugin of one's own, and the checks that it has to pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duetbench.interfaces import Kind, Plugin
    from duetbench.plugins import RegisteredPlugin
    from duetbench.testing import CheckResult, Conformance
    from duetbench.testing.conformance import Observation
    from duetbench.types import ModelRef

_COLOURS = {"pass": "green", "fail": "red", "skipped": "yellow"}


@click.group()
def plugin() -> None:
    """Write and check plugins of your own."""


@plugin.command()
@click.argument("name")
@click.option("--kind", help="Which kind, if plugins of several kinds carry the name.")
@click.option("--set", "settings_", multiple=True, metavar="NAME.OPTION=VALUE", help="Check it with this option.")
@click.option("--model", help="A model for engines and trainers: a card's name or path:DIR.")
@click.option(
    "--raw", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder with a dataset's raw files."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JSON too.")
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
    """Run the checks that every plugin has to pass on the plugin NAME; exit code 1 if one fails."""
    from duetbench.cli.plugins_list import report_faults

    registered = _found(settings, name, kind)
    report_faults(settings.plugins)
    conformance = _conformance(registered, _options(registered.cls, settings_), model, raw)
    results = conformance.run(_print_result)
    findings = [] if any(result.outcome == "fail" for result in results) else conformance.findings()
    _print_findings(findings)
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in _COLOURS}
    told = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    click.echo(f"{registered.kind} {name} from {registered.origin}: {told}")
    if report:
        _write_report(report, registered, conformance.options, results, findings)
    if counts["fail"]:
        raise click.exceptions.Exit(1)


@plugin.command()
@click.argument("kind")
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
    """Write a working single-file plugin of a KIND, called NAME, as a start."""
    from duetbench.cli.plugins_list import kind_named
    from duetbench.errors import PluginError
    from duetbench.testing.new_plugin import write_plugin

    chosen = kind_named(kind)
    if name in settings.plugins.of_kind(chosen):
        raise PluginError(f"there is a {chosen} named '{name}' already; choose another name")
    path = write_plugin(chosen, name, into)
    click.echo(f"{path} is a working start. Check it with:")
    click.echo(f"duetbench --plugins-dir {into} plugin check {name} --kind {chosen}")


def _found(settings: Settings, name: str, kind: str | None) -> RegisteredPlugin:
    """The plugin of that name, whose kind may be left out where only one has it."""
    from duetbench.cli.plugins_list import kind_named
    from duetbench.errors import UnknownName, UsageError
    from duetbench.interfaces import PLURALS

    if kind:
        return settings.plugins.get(kind_named(kind), name)
    known = {each: settings.plugins.of_kind(each) for each in PLURALS}
    found = [plugins[name] for plugins in known.values() if name in plugins]
    if not found:
        notes = f"Broken plugins: {'; '.join(map(str, settings.plugins.broken))}." if settings.plugins.broken else ""
        raise UnknownName("plugin", name, {each for plugins in known.values() for each in plugins}, note=notes)
    if len(found) > 1:
        raise UsageError(f"'{name}' is a {' and a '.join(each.kind for each in found)}: say which with --kind")
    return found[0]


def _options(cls: type[Plugin], texts: tuple[str, ...]) -> dict[str, Any]:
    """The options given on the command line.

    Raises:
        ConfigError: all that do not fit.
    """
    from duetbench.config import build_config, parse_settings
    from duetbench.errors import ConfigError

    values = parse_settings(texts)
    lead = f"{cls.name}."
    faults = [f"{path}: only options of '{cls.name}' can be set here" for path in values if not path.startswith(lead)]
    options = {path.removeprefix(lead): value for path, value in values.items() if path.startswith(lead)}
    _, more = build_config(cls.Config, options, path=cls.name)
    if faults or more:
        raise ConfigError([*faults, *more])
    return options


def _conformance(
    registered: RegisteredPlugin, options: Mapping[str, Any], model: str | None, raw: Path | None
) -> Conformance:
    from duetbench.testing import CONFORMANCE

    given: dict[str, Any] = {"plugin": registered.cls, "options": options}
    if model:
        given["model"] = _resolved(registered.kind, model)
    if raw:
        given["raw"] = raw
    made: Conformance = type("Checked", (CONFORMANCE[registered.kind],), given)()
    return made


def _resolved(kind: Kind, model: str) -> ModelRef:
    from duetbench.errors import UsageError

    if kind not in ("engine", "trainer"):
        raise UsageError(f"--model is for engines and trainers; a {kind} is checked without one")
    from duetbench.models import resolve

    return resolve(model)


def _print_result(result: CheckResult) -> None:
    outcome = click.style(f"{result.outcome:<8}", fg=_COLOURS[result.outcome])
    reason = f": {result.reason}" if result.reason else ""
    click.echo(f"{outcome}{result.meaning.removesuffix('.')}{reason}")


def _print_findings(findings: Sequence[Observation]) -> None:
    """A block of numbers with their meanings; for a reward what each kind of completion earns."""
    if findings:
        click.echo("what a completion earns on average:")
    for finding in findings:
        value = "does not apply" if finding.value is None else f"{finding.value:.3f}"
        click.echo(f"  {finding.name:<15}{value:>15}  {finding.meaning}")


def _write_report(
    path: Path,
    registered: RegisteredPlugin,
    options: Mapping[str, Any],
    results: Sequence[CheckResult],
    findings: Sequence[Observation],
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
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    click.echo(f"report: {path}", err=True)
