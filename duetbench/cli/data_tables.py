"""How `duetbench data` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data import Prepared
    from duetbench.data.statistics import SplitStatistics, WindowStatistics
    from duetbench.interfaces import Dataset
    from duetbench.types import Example, Interaction

_REVIEW_CHARS = 160


def print_steps(settings: Settings, prepared: Prepared) -> None:
    """Rows, users, items and splits after each step."""
    rows = [
        [
            count.step,
            *(f"{number:,}" for number in (count.rows, count.users, count.items)),
            *(f"{count.splits[split]:,}" if count.splits else "" for split in ("train", "valid", "test")),
        ]
        for count in prepared.steps
    ]
    print_table(settings, ("step", "rows", "users", "items", "train", "valid", "test"), rows)


def print_counts(settings: Settings, prepared: Prepared) -> None:
    """What was left out or noted while reading, by kind; nothing if nothing was."""
    rows = [(kind, f"{count:,}", "left out") for kind, count in prepared.counts.items()]
    rows += [(kind, f"{count:,}", "kept") for kind, count in prepared.notes.items()]
    if rows:
        print_table(settings, ("found while reading", "rows", "and"), rows)


def print_differences(settings: Settings, prepared: Prepared, dataset: Dataset | None) -> None:
    """The published sizes beside those found; a difference is a warning, since much of the paper is not known."""
    from duetbench.data.statistics import size_differences

    expected = dict(dataset.expected()) if dataset else {}
    if not expected:
        return
    found = size_differences(prepared.steps[-1], expected)
    rows = [(one.name, f"{one.published:,}", f"{one.found:,}", f"{100 * one.share:+.1f} %") for one in found]
    print_table(settings, ("Table 4", "published", "found", "difference"), rows)
    if any(one.found != one.published for one in found):
        caveats = dataset.caveats() if dataset else ""
        click.echo(f"warning: these are not the sizes of the paper's Table 4. {caveats}", err=True)


def print_splits(settings: Settings, splits: Sequence[SplitStatistics]) -> None:
    """One row a split."""
    ratings = list(dict.fromkeys(rating for split in splits for rating in split.ratings))
    rows = [
        [
            split.split,
            *(f"{number:,}" for number in (split.rows, split.users, split.items)),
            _number(split.mean_rating),
            *(f"{100 * split.ratings.get(rating, 0) / split.rows:.1f} %" if split.rows else "" for rating in ratings),
            _number(split.median_review, 0),
            f"{split.empty_reviews:,}",
            f"{split.first_day} to {split.last_day}" if split.first_day else "",
        ]
        for split in splits
    ]
    titles = ("split", "rows", "users", "items", "mean rating", *(f"rated {rating}" for rating in ratings))
    print_table(settings, (*titles, "median review", "no review", "days"), rows)


def print_windows(settings: Settings, windows: Sequence[WindowStatistics], split: str) -> None:
    """One row a window, and a warning for each pair that makes no difference."""
    from duetbench.data.statistics import same_inputs

    rows = [
        [
            f"{window.k}H",
            _number(window.mean_user),
            _percent(window.full_user),
            _number(window.mean_item),
            _percent(window.full_item),
            _percent(window.differs),
        ]
        for window in windows
    ]
    titles = ("window", "mean of user", "full", "mean of item", "full", "differs from the one before")
    print_table(settings, titles, rows)
    if all(window.mean_user is None for window in windows):
        click.echo(f"warning: there are no {split} rows, so no window holds anything", err=True)
    for small, large in same_inputs(windows):
        click.echo(
            f"warning: {small} and {large} give every {split} request the same inputs: comparing them would be empty",
            err=True,
        )


def print_json(prepared: Prepared, splits: Sequence[SplitStatistics], windows: Sequence[WindowStatistics]) -> None:
    """All of it as one JSON object."""
    from duetbench.data.statistics import same_inputs

    found = {
        "name": prepared.name,
        "fingerprint": prepared.fingerprint,
        "steps": [asdict(count) for count in prepared.steps],
        "counts": dict(prepared.counts),
        "notes": dict(prepared.notes),
        "splits": [asdict(split) for split in splits],
        "windows": [asdict(window) for window in windows],
        "same_inputs": same_inputs(windows),
    }
    click.echo(json.dumps(found, indent=1, ensure_ascii=False))


def example_text(example: Example, lines: int) -> str:
    """An example for people: the request, the last lines of its histories, and the true rating."""
    request = example.request
    about = [
        f"{request.request_id}: user {request.user_id} rates {request.domain.noun} '{request.item.title}' "
        f"({request.item.item_id}) on {_day(request.asked_at)}; the true rating is {example.rating:g}",
        f"categories: {', '.join(request.item.categories) or 'none'}",
    ]
    for name, history, average in (
        ("user", request.user_history, request.user_average),
        ("item", request.item_history, request.item_average),
    ):
        mean = f", mean of all before {average:.2f}" if average is not None else ""
        about.append(f"{name} history: {len(history)} interactions{mean}")
        about += [f"  {_line(one, name)}" for one in history[len(history) - min(lines, len(history)) :]]
    return "\n".join(about) + "\n"


def _line(one: Interaction, side: str) -> str:
    who = one.item.title if side == "user" else one.user_id
    review = " ".join(one.review.split())
    cut = review if len(review) <= _REVIEW_CHARS else review[:_REVIEW_CHARS] + "..."
    return f"{_day(one.timestamp)}  {one.rating:g}  {who}: {cut}"


def _day(timestamp: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def print_table(settings: Settings, titles: Sequence[str], rows: Sequence[Sequence[str]], *, n_words: int = 1) -> None:
    """A table whose first columns are words and whose others are numbers; never cut where it goes to a file."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, title in enumerate(titles):
        table.add_column(title, justify="left" if position < n_words else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = settings.console
    if not console.is_terminal:
        console.width = max(console.width, 200)
    console.print(table)
