"""The audit of a published table: every row under every hypothesis, claims, bold marks, and test set sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from duetbench.evaluation.audit.claims import BoldFault, ClaimCheck, check_bold, check_claims
from duetbench.evaluation.audit.feasibility import FailureShare, PrintedMetrics, feasible_share
from duetbench.evaluation.audit.hypotheses import HYPOTHESES
from duetbench.evaluation.audit.published import PublishedRow, PublishedTable
from duetbench.evaluation.audit.sizes import SizeEstimate, estimate_sizes


@dataclass(frozen=True, slots=True)
class RowAudit:
    """A row and the shares of failures with which each hypothesis explains it."""

    backbone: str
    method: str
    dataset: str
    mae: str
    rmse: str
    accuracy: str
    n: int | None
    shares: dict[str, FailureShare | None]
    """By hypothesis; None: no distribution of errors has these numbers."""


@dataclass(frozen=True, slots=True)
class TableAudit:
    """All results for one table."""

    table: str
    summary: str
    source: dict[str, str]
    rows: tuple[RowAudit, ...]
    n_feasible: dict[str, int]
    """Number of rows that each hypothesis explains."""
    claims: tuple[ClaimCheck, ...]
    bold: tuple[BoldFault, ...]
    sizes: tuple[SizeEstimate, ...]


def audit_table(
    table: PublishedTable, *, max_size: int = 20_000, on_progress: Callable[[int], None] | None = None
) -> TableAudit:
    """Audits a table.

    Args:
        table: From `load_published`.
        max_size: Largest test set to try, see `estimate_sizes`.
        on_progress: Called with the number of rows that are done.

    Raises:
        DataError: a claim cannot be computed from the rows.
    """
    claims = check_claims(table)  # first: its errors come before the long part
    audits: list[RowAudit] = []
    for row in table.rows:
        audits.append(audit_row(row))
        if on_progress:
            on_progress(len(audits))
    return TableAudit(
        table=table.name,
        summary=table.summary,
        source=dict(table.source),
        rows=tuple(audits),
        n_feasible={
            hypothesis.name: sum(audit.shares[hypothesis.name] is not None for audit in audits)
            for hypothesis in HYPOTHESES
        },
        claims=tuple(claims),
        bold=tuple(check_bold(table)),
        sizes=tuple(estimate_sizes(table, bound=max_size)),
    )


def audit_row(row: PublishedRow) -> RowAudit:
    """One row under every hypothesis."""
    numbers = row.metrics
    metrics = PrintedMetrics(numbers["mae"], numbers["rmse"], numbers["accuracy"], row.n)
    return RowAudit(
        backbone=row.backbone,
        method=row.method,
        dataset=row.dataset,
        mae=numbers["mae"].text,
        rmse=numbers["rmse"].text,
        accuracy=numbers["accuracy"].text,
        n=row.n,
        shares={hypothesis.name: feasible_share(metrics, hypothesis) for hypothesis in HYPOTHESES},
    )
