"""Uncertainty of metrics and of their differences. Open `crossed` first: all other modules use its covariances.

Every metric enters as one value per pair whose mean is the metric (see `duetbench.evaluation.pair_values`), so that the
same formulas hold for MAE, RMSE, accuracy and F1.
"""

from duetbench.evaluation.statistics.adjustment import holm
from duetbench.evaluation.statistics.crossed import Columns, Uncertainty, uncertainty
from duetbench.evaluation.statistics.curvature import MAX_CURVATURE, curvature_share
from duetbench.evaluation.statistics.gains import smallest_gain
from duetbench.evaluation.statistics.intervals import Interval, difference_p
from duetbench.evaluation.statistics.power import minimum_detectable_effect, needed_sample
from duetbench.evaluation.statistics.ranks import Ranking, RankInterval, rank_intervals
from duetbench.evaluation.statistics.sign_flip import sign_flip_p, users_needed

__all__ = [
    "MAX_CURVATURE",
    "Columns",
    "Interval",
    "RankInterval",
    "Ranking",
    "Uncertainty",
    "curvature_share",
    "difference_p",
    "holm",
    "minimum_detectable_effect",
    "needed_sample",
    "rank_intervals",
    "sign_flip_p",
    "smallest_gain",
    "uncertainty",
    "users_needed",
]
