"""Claims about a table, computed again from its own rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from duetbench.errors import DataError
from duetbench.evaluation.audit.printed import PrintedNumber, mean_interval, printed_number
from duetbench.evaluation.audit.published import (
    LOWER_IS_BETTER,
    SHARES,
    PublishedClaim,
    PublishedRow,
    PublishedTable,
    load_published,
)


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """A claim and what the rows say."""

    claim: str
    claimed: str
    """The value as printed; empty if the claim is not about a value."""
    recomputed: str
    agrees: bool


def check_claims(table: PublishedTable) -> list[ClaimCheck]:
    """One check per claim; a claim that rows are repeated from another table gives one per row.

    Raises:
        DataError: a claim needs a metric or a baseline row that the table does not have.
    """
    return [check for position, claim in enumerate(table.claims) for check in _checks(table, claim, position)]


def _checks(table: PublishedTable, claim: PublishedClaim, position: int) -> Iterator[ClaimCheck]:
    if claim.kind == "same_rows":
        other = load_published(claim.table)
        yield from (_repeated_row(row, other, claim) for row in table.select(claim.rows))
        return
    rows = table.select(claim.rows)
    low, high = mean_interval([_number(row, claim.metric, position) for row in rows])
    if claim.kind == "mean_gain":
        baselines = [_baseline(table, row, claim.baseline, position) for row in rows]
        base_low, base_high = mean_interval([_number(row, claim.metric, position) for row in baselines])
        low, high = low - base_high, high - base_low
    yield _compared(claim, low, high, table.unit)


def _compared(claim: PublishedClaim, low: Fraction, high: Fraction, unit: str) -> ClaimCheck:
    """Compares intervals: they agree if some unrounded numbers round to the rows and to the claim."""
    step = Fraction(1, 100) if unit == "percent" and claim.metric in SHARES else Fraction(1)
    rounded_to = Fraction(claim.rounded_to) if claim.rounded_to else None
    claimed = printed_number(claim.value, unit=step, rounded_to=rounded_to)
    decimals = max(2, len(claim.value.partition(".")[2]))
    return ClaimCheck(
        claim=claim.text or f"{claim.kind} of {claim.metric}",
        claimed=claim.value + (f" (rounded to {claim.rounded_to})" if claim.rounded_to else ""),
        recomputed=f"{float((low + high) / 2 / step):.{decimals}f}",
        agrees=low <= claimed.high and claimed.low <= high,
    )


def _number(row: PublishedRow, metric: str, position: int) -> PrintedNumber:
    if metric not in row.metrics:
        raise DataError(f"claims[{position}].metric: row {row.title!r} has no {metric}; add it, or remove the claim")
    return row.metrics[metric]


def _baseline(table: PublishedTable, row: PublishedRow, selection: Mapping[str, str], position: int) -> PublishedRow:
    candidates = [each for each in table.select(selection) if each.dataset == row.dataset]
    if len(candidates) != 1:
        raise DataError(
            f"claims[{position}].baseline: {len(candidates)} rows match on the dataset {row.dataset!r}; exactly one is "
            "needed, select it by method and backbone"
        )
    return candidates[0]


def _repeated_row(row: PublishedRow, other: PublishedTable, claim: PublishedClaim) -> ClaimCheck:
    candidates = [
        each
        for each in other.rows
        if each.dataset == row.dataset and (not row.backbone or each.backbone in ("", row.backbone))
    ]
    sources = {
        metric: [each.method for each in candidates if _same_number(row, each, metric)]
        for metric in LOWER_IS_BETTER
        if metric in row.metrics
    }
    whole = [each.method for each in candidates if all(_same_number(row, each, metric) for metric in sources)]
    parts = [f"{metric}: {', '.join(names) or 'no row'}" for metric, names in sources.items()]
    return ClaimCheck(
        claim=f"{row.title} {claim.text or 'is a row of ' + claim.table}",
        claimed="",
        recomputed=f"equals {', '.join(whole)}" if whole else f"of {other.name}: {'; '.join(parts)}",
        agrees=bool(whole),
    )


def _same_number(row: PublishedRow, other: PublishedRow, metric: str) -> bool:
    """Whether both rows print the same number, up to the digits that both have."""
    if metric not in other.metrics:
        return False
    mine, theirs = row.metrics[metric], other.metrics[metric]
    return mine.low < theirs.high and theirs.low < mine.high


@dataclass(frozen=True, slots=True)
class BoldFault:
    """A number that a table marks as best although others in its group are better."""

    row: str
    metric: str
    printed: str
    better: tuple[str, ...]
    """`METHOD NUMBER` of each better row, best first."""


def check_bold(table: PublishedTable) -> list[BoldFault]:
    """Bold numbers that are not the best among the rows of the same dataset and backbone. A tie is not a fault."""
    return [
        BoldFault(row.title, metric, row.metrics[metric].text, better)
        for row in table.rows
        for metric in row.bold
        if (better := _better(table, row, metric))
    ]


def _better(table: PublishedTable, row: PublishedRow, metric: str) -> tuple[str, ...]:
    sign = 1 if LOWER_IS_BETTER[metric] else -1
    own = sign * row.metrics[metric].value
    group = [
        each
        for each in table.select({"dataset": row.dataset, "backbone": row.backbone})
        if metric in each.metrics and sign * each.metrics[metric].value < own
    ]
    group.sort(key=lambda each: sign * each.metrics[metric].value)
    return tuple(f"{each.method} {each.metrics[metric].text}" for each in group)
