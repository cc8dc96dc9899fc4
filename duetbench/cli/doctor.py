"""`duetbench doctor`: what is here, what works, and what to do about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.runner.doctor import Diagnosis


@click.command()
@click.option("--no-engines", is_flag=True, help="Do not try the engines, which takes seconds.")
@pass_settings
def doctor(settings: Settings, /, no_engines: bool) -> None:
    """What is installed, which engines work, what hardware is seen, and what to do about what is missing.

    Exit code 1 if something is wrong that stops every run.
    """
    from duetbench.runner import doctor as checks

    findings: list[Diagnosis] = [
        *checks.packages(),
        *checks.hardware(),
        *checks.cache(),
        *checks.models(),
        *checks.plugins(settings.plugins),
    ]
    if not no_engines:
        with settings.progress_console.status("trying the engines"):
            findings += checks.engines(settings.plugins)
    _print(findings)
    if any(finding.state == "bad" for finding in findings):
        raise SystemExit(1)


def _print(findings: list[Diagnosis]) -> None:
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            click.secho(section, bold=True)
        colour = {"ok": None, "note": "yellow", "bad": "red"}[finding.state]
        mark = {"ok": "  ", "note": "! ", "bad": "x "}[finding.state]
        click.secho(f"  {mark}{finding.what}: {finding.found}", fg=colour)
        if finding.advice:
            click.echo(f"      -> {finding.advice}")
