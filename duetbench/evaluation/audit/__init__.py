"""Audits of published tables: which conventions could have produced the printed numbers. Open `report` first."""

from duetbench.evaluation.audit.feasibility import FailureShare, feasible_share
from duetbench.evaluation.audit.hypotheses import HYPOTHESES, Hypothesis
from duetbench.evaluation.audit.published import load_published, published_names
from duetbench.evaluation.audit.report import audit_table

__all__ = [
    "HYPOTHESES",
    "FailureShare",
    "Hypothesis",
    "audit_table",
    "feasible_share",
    "load_published",
    "published_names",
]
