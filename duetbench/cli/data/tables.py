"""Output of `duetbench data`: tables, warnings, JSON and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from duetbench.cli.output import echo
from duetbench.cli.tables import print_table
from duetbench.escaping import one_line

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.data import Prepared, StepCount
    from duetbench.data.statistics import SplitStatistics, WindowStatistics
    from duetbench.interfaces import Dataset
    from duetbench.types import Example, Interaction

_REVIEW_CHARS = 160
_REMOVING = ("titled", "window", "kcore", "drop_cold")
"""Steps other than dedupe that remove rows."""


def print_steps(settings: Settings, prepared: Prepared) -> None:
    """Prints rows, users, items and splits after each step."""
    rows = [
        [
            count.step,
            *(f"{number:,}" for number in (count.rows, count.users, count.items)),
            *(f"{count.splits[split]:,}" if count.splits else "" for split in ("train", "valid", "test")),
        ]
        for count in prepared.steps
    ]
    print_table(settings, ("step", "rows", "users", "items", "train", "valid", "test"), rows)


def print_row_counts(
    settings: Settings, dropped: Mapping[str, int], noted: Mapping[str, int], steps: Sequence[StepCount] = ()
) -> None:
    """Prints the rows that were dropped or noted while reading, by kind; prints nothing if there are none.

    Args:
        settings: Where to print.
        dropped: Dropped rows by kind.
        noted: Noted rows by kind.
        steps: The steps that followed, with `raw` first; they may have removed repeated pairs.
    """
    rows = [(kind, f"{count:,}", "dropped") for kind, count in dropped.items()]
    rows += [(kind, f"{count:,}", _what_became_of(kind, steps)) for kind, count in noted.items()]
    if rows:
        print_table(settings, ("found while reading", "rows", "and"), rows)


def _what_became_of(kind: str, steps: Sequence[StepCount]) -> str:
    """What happened to rows that were noted: repeated pairs are removed by the step `dedupe`."""
    from duetbench.data.preparation.repeated_rows import REPEATS
    from duetbench.data.readers.validation import UNRATED

    if kind == UNRATED:
        return "left out"
    names = [count.step.partition(":")[0] for count in steps[1:]]
    if kind not in REPEATS or "dedupe" not in names:
        return "kept"
    earlier = [name for name in names[: names.index("dedupe")] if name in _REMOVING]
    return f"removed by {', '.join([*earlier, 'dedupe'])}"


def print_warnings(prepared: Prepared) -> None:
    """Prints what a run with this data would stumble over: empty splits, leakage from the future, unmatched items."""
    from duetbench.types import TEMPORALLY_UNSAFE

    last = prepared.steps[-1]
    empty = [name for name, n_rows in last.splits.items() if not n_rows]
    warnings = [f"the {name} split is empty after these steps: choose others with --steps" for name in empty]
    if not last.splits:
        warnings.append("no step assigns splits, which a run needs: add one, such as split_count:0.8/0.1/0.1")
    if last.items and prepared.notes.get("item without metadata") == last.items and prepared.manifest["has_item_table"]:
        warnings.append(f"none of {last.items:,} items occurs in the item table: are the ids of both the same?")
    warnings += [f"{TEMPORALLY_UNSAFE}: {reason}" for reason in prepared.temporal_leakage]
    for warning in warnings:
        echo(f"warning: {warning}", err=True)


def print_differences(settings: Settings, prepared: Prepared, dataset: Dataset | None) -> None:
    """Prints published and actual sizes, and a warning if they differ: the paper leaves some steps unspecified."""
    from duetbench.data.statistics import size_differences

    expected = dict(dataset.expected()) if dataset else {}
    if not expected:
        return
    differences = size_differences(prepared.steps[-1], expected)
    rows = [(size.name, f"{size.published:,}", f"{size.found:,}", f"{100 * size.share:+.1f} %") for size in differences]
    print_table(settings, ("Table 4", "published", "found", "difference"), rows)
    if any(size.found != size.published for size in differences):
        caveats = dataset.caveats() if dataset else ""
        echo(f"warning: the sizes differ from Table 4 of the paper. {caveats}", err=True)


def print_splits(settings: Settings, splits: Sequence[SplitStatistics]) -> None:
    """Prints one row per split."""
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
    """Prints one row per window, and a warning for each pair of windows with the same inputs."""
    from duetbench.data.statistics import windows_with_same_inputs

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
    titles = ("window", "mean of user", "full", "mean of item", "full", "differs from previous")
    print_table(settings, titles, rows)
    if all(window.mean_user is None for window in windows):
        echo(f"warning: there are no {split} rows, so all windows are empty", err=True)
    for small, large in windows_with_same_inputs(windows):
        echo(
            f"warning: {small} and {large} give every {split} request the same inputs: a comparison shows nothing",
            err=True,
        )


def print_json(prepared: Prepared, splits: Sequence[SplitStatistics], windows: Sequence[WindowStatistics]) -> None:
    """Prints all statistics as one JSON object."""
    from duetbench.data.statistics import windows_with_same_inputs

    content = {
        "name": prepared.name,
        "fingerprint": prepared.fingerprint,
        "steps": [asdict(count) for count in prepared.steps],
        "counts": dict(prepared.counts),
        "notes": dict(prepared.notes),
        "temporal_leakage": prepared.temporal_leakage,
        "splits": [asdict(split) for split in splits],
        "windows": [asdict(window) for window in windows],
        "same_inputs": windows_with_same_inputs(windows),
    }
    echo(json.dumps(content, indent=1, ensure_ascii=False))


def example_text(example: Example, lines: int, *, has_times: bool) -> str:
    """An example as text: the request, the last interactions of its histories, and the true rating.

    Args:
        example: The example.
        lines: Number of interactions to show of each history.
        has_times: Whether timestamps are times, and not positions in the file.
    """
    request = example.request
    text = [
        f"{request.request_id}: user {request.user_id} rates {request.domain.noun} '{request.item.title}' "
        f"({request.item.item_id}) {_when(request.asked_at, has_times)}; the true rating is {example.rating:g}",
        f"categories: {', '.join(request.item.categories) or 'none'}",
    ]
    for side, history, average in (
        ("user", request.user_history, request.user_average),
        ("item", request.item_history, request.item_average),
    ):
        mean = f", average {average:.2f}" if average is not None else ""
        text.append(f"{side} history: {len(history)} interactions{mean}")
        latest = history[len(history) - min(lines, len(history)) :]
        text += [f"  {_interaction_text(interaction, side, has_times=has_times)}" for interaction in latest]
    return "\n".join(text) + "\n"


def _interaction_text(interaction: Interaction, side: str, *, has_times: bool) -> str:
    partner = interaction.item.title if side == "user" else interaction.user_id
    when = _when(interaction.timestamp, has_times).removeprefix("on ")
    return f"{when}  {interaction.rating:g}  {one_line(partner)}: {one_line(interaction.review, _REVIEW_CHARS)}"


def _when(timestamp: int, has_times: bool) -> str:
    from datetime import UTC, datetime

    if not has_times:
        return f"in row {timestamp}"
    return datetime.fromtimestamp(timestamp, UTC).strftime("on %Y-%m-%d")


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
