"""`duetbench train`: reports on trainings."""

from __future__ import annotations

from pathlib import Path

import click

from duetbench.cli.context import Settings, pass_settings


@click.group()
def train() -> None:
    """Report on trainings, finished or running."""


@train.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--rows", default=3, show_default=True, help="Validation rows whose profiles are shown.")
@pass_settings
def show(settings: Settings, /, run: Path, rows: int) -> None:
    """Show the trainings of RUN, the folder of a run or of a training: curves, evaluations, changing profiles."""
    from duetbench.training.report.show import find_trainings, read_training, render_training

    for folder in find_trainings(run):
        for part in render_training(read_training(folder), rows=rows):
            settings.console.print(part)
