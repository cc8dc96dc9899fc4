"""`duetbench doctor`: checks the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.runner.doctor import Diagnosis


@click.command()
@click.option("--no-engines", is_flag=True, help="Skip the engines, which take seconds.")
@pass_settings
def doctor(settings: Settings, /, no_engines: bool) -> None:
    """Check packages, hardware, cache, models, plugins and engines, with advice on what is missing.

    Exit code 1 if a problem prevents every run.
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
    if any(finding.state == "error" for finding in findings):
        raise SystemExit(1)


def _print(findings: list[Diagnosis]) -> None:
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            echo(section, bold=True)
        colour = {"ok": None, "warning": "yellow", "error": "red"}[finding.state]
        mark = {"ok": "  ", "warning": "! ", "error": "x "}[finding.state]
        echo(f"  {mark}{finding.what}: {finding.found}", fg=colour)
        if finding.advice:
            echo(f"      -> {finding.advice}")
