"""Built-in metrics, one file each. Their order is that of the columns of a leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Metric


@hookimpl
def duetbench_register_metrics() -> list[type[Metric]]:
    """The built-in metrics."""
    from duetbench.metrics.accuracy import Accuracy
    from duetbench.metrics.f1 import F1
    from duetbench.metrics.f1_weighted import F1Weighted
    from duetbench.metrics.mae import Mae
    from duetbench.metrics.rmse import Rmse

    return [Mae, Rmse, Accuracy, F1, F1Weighted]
