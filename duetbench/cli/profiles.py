"""`duetbench profiles`: exports profiles for other systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.data.population import HistoryCut
    from duetbench.runner.output.profile_export import ProfileExport


@click.group()
def profiles() -> None:
    """Export profiles for other systems."""


@profiles.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--side", required=True, type=click.Choice(["user", "item"]), help="Whose profiles.")
@click.option("--format", "form", default="parquet", show_default=True, type=click.Choice(["parquet", "jsonl"]))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option(
    "--cut",
    default="train",
    show_default=True,
    type=click.Choice(["train", "train+valid", "all"]),
    help="Last split that histories include; all: the end of the data.",
)
@click.option("--store", type=click.Path(path_type=Path), metavar="FILE", help="File of the request store.")
@pass_settings
def export(
    settings: Settings,
    /,
    run: Path,
    side: Literal["user", "item"],
    form: Literal["parquet", "jsonl"],
    out: Path,
    cut: HistoryCut,
    store: Path | None,
) -> None:
    """Write the profiles of all users or items with the model and strategy of RUN.

    RUN is the folder of a cell, or of a run with one cell that writes profiles. Every row holds its provenance. A
    profile that cannot be parsed is null. The same command resumes an interrupted export.
    """
    from duetbench.progress import Progress, ProgressDisplay
    from duetbench.runner.output.profile_export import export_profiles
    from duetbench.runner.output.restore import restore

    with settings.progress_console.status("reading the run"):
        restored = restore(run, settings.plugins)
    progress = Progress() if settings.quiet else ProgressDisplay(settings.progress_console)
    result = export_profiles(restored, side, cut, out, form, store=store, progress=progress)
    settings.progress_console.print(_summary(result, side, out), highlight=False, soft_wrap=True)


def _summary(result: ProfileExport, side: str, out: Path) -> str:
    total = sum(result.statuses.values())
    unreadable = ", ".join(f"{n} {status}" for status, n in sorted(result.statuses.items()) if status != "ok")
    text = f"{out}: {result.statuses.get('ok', 0)} of {total} {side} profiles"
    text += f"; null: {unreadable}" if unreadable else ""
    return text + (f"; {result.unknown} {side}s have no history before the cut" if result.unknown else "")
