"""`duetbench audit`: what the numbers of a published table can and cannot mean."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.completion import words
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.evaluation.audit import FailureShare
    from duetbench.evaluation.audit.report import RowAudit, TableAudit
    from duetbench.evaluation.audit.sizes import SizeEstimate


def _published() -> list[str]:
    from duetbench.evaluation.audit.published import published_names

    return published_names()


@click.group()
def audit() -> None:
    """Check published tables against their own numbers."""


@audit.command()
@click.argument("file", metavar="FILE", type=words(_published, also="file"))
@click.option(
    "--json", "output", type=click.Path(path_type=Path, dir_okay=False), help="Also write all results to this file."
)
@click.option(
    "--max-size",
    type=click.IntRange(1, 1_000_000),
    default=20_000,
    show_default=True,
    help="Largest test set to try when its size is recovered from the accuracies.",
)
@pass_settings
def table(settings: Settings, file: str, output: Path | None, max_size: int) -> None:
    """Show which conventions could have produced the numbers of FILE, and recompute its claims.

    FILE is a shipped table, such as duet-table1, or a YAML or CSV file with the columns dataset, method, mae, rmse,
    accuracy, and optionally backbone, f1, n, bold (registry/schemas/published.schema.json). Numbers are taken with
    their printed decimals; accuracy and F1 are percentages unless the file says `unit: fraction`.
    """
    from duetbench.atomic import write_json
    from duetbench.evaluation.audit import audit_table, load_published

    if output and not output.parent.is_dir():  # before the long part
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(output))
    published = load_published(file)
    with _progress(settings, len(published.rows)) as on_progress:
        result = audit_table(published, max_size=max_size, on_progress=on_progress)
    if output:
        write_json(output, asdict(result))
    _print_rows(settings, result)
    _print_claims(settings, result)
    _print_bold(settings, result)
    _print_sizes(settings, result)


def _print_rows(settings: Settings, result: TableAudit) -> None:
    from duetbench.evaluation.audit import HYPOTHESES

    echo(_heading(result))
    groups: dict[str, list[RowAudit]] = {}
    for row in result.rows:
        groups.setdefault(", ".join(part for part in (row.backbone, row.dataset) if part), []).append(row)
    for title, group in groups.items():
        echo(f"\n{title}")
        _print_group(settings, group)
    echo(
        "yes, or the possible share of failed outputs in %: some distribution of errors has these numbers; -: none has"
    )
    for hypothesis in HYPOTHESES:
        echo(f"  {hypothesis.title}: {hypothesis.meaning}")
    summary = ", ".join(f"{name} {count}" for name, count in result.n_feasible.items())
    echo(f"feasible rows of {len(result.rows)}: {summary}")


def _print_group(settings: Settings, group: list[RowAudit]) -> None:
    from duetbench.cli.tables import print_table
    from duetbench.evaluation.audit import HYPOTHESES

    titles = ("method", "MAE", "RMSE", "acc", "n", *(hypothesis.title for hypothesis in HYPOTHESES))
    rows = [_cells(row) for row in group]
    if all(row.n is None for row in group):
        titles, rows = titles[:4] + titles[5:], [cells[:4] + cells[5:] for cells in rows]
    print_table(settings, titles, rows)


def _heading(result: TableAudit) -> str:
    source = result.source
    origin = f" (Table {source['table']} of {source['paper']})" if source else ""
    return f"{result.table}{origin}{': ' if result.summary else ''}{result.summary}"


def _cells(row: RowAudit) -> list[str]:
    from duetbench.evaluation.audit import HYPOTHESES

    shares = [_share(row.shares[hypothesis.name], hypothesis.has_failures) for hypothesis in HYPOTHESES]
    return [
        row.method,
        row.mae,
        row.rmse,
        row.accuracy,
        "" if row.n is None else str(row.n),
        *shares,
    ]


def _share(share: FailureShare | None, has_failures: bool) -> str:
    if share is None:
        return "-"
    text = f"{100 * share.low:.0f}-{100 * share.high:.0f}" if has_failures else "yes"
    return text if share.is_decided else f"{text} (undecided)"


def _print_claims(settings: Settings, result: TableAudit) -> None:
    from duetbench.cli.tables import print_table

    if not result.claims:
        return
    echo("\nclaims, recomputed from the rows")
    rows = [(each.claim, each.claimed, each.recomputed, "yes" if each.agrees else "NO") for each in result.claims]
    print_table(settings, ("claim", "printed", "recomputed", "agrees"), rows, text_titles=("recomputed",))


def _print_bold(settings: Settings, result: TableAudit) -> None:
    from duetbench.cli.tables import print_table

    if not result.bold:
        return
    echo("\nbold, but not the best of its dataset and backbone")
    rows = [(each.row, each.metric, each.printed, ", ".join(each.better)) for each in result.bold]
    print_table(settings, ("row", "metric", "printed", "better"), rows, text_titles=("metric", "better"))


def _print_sizes(settings: Settings, result: TableAudit) -> None:
    from duetbench.cli.tables import print_table

    echo("\nnumber of test rows, from accuracy = k/n within rounding")
    rows = [
        (each.dataset, str(each.n_accuracies), _size(each), f"{each.n_possible:,} of {each.bound:,}", _reported(each))
        for each in result.sizes
    ]
    print_table(settings, ("dataset", "accuracies", "n", "possible n", "reported n"), rows, text_titles=("n",))


def _size(estimate: SizeEstimate) -> str:
    if estimate.smallest is None:
        return f"none up to {estimate.bound:,} fits all"
    first = ", ".join(map(str, estimate.first))
    if estimate.is_identified:
        return f"{estimate.smallest} (fit: {first}{', ...' if estimate.n_possible > len(estimate.first) else ''})"
    return f"not identifiable (smallest that fits: {estimate.smallest})"


def _reported(estimate: SizeEstimate) -> str:
    if estimate.n_fitting_reported is None:
        return ""
    size = "one per row" if estimate.reported is None else str(estimate.reported)
    return f"{size}: fits {estimate.n_fitting_reported} of {estimate.n_with_reported} accuracies"


@contextlib.contextmanager
def _progress(settings: Settings, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar on stderr while rows are audited."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=settings.progress_console, transient=True) as bars:
        task = bars.add_task("", total=total)

        def on_progress(done: int) -> None:
            bars.update(task, completed=done)

        yield on_progress
