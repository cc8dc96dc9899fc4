"""Built-in scorers: one file each. Without a model: `baselines`, and those that learn in `predictors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Scorer


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    """The built-in scorers."""
    from duetbench.scorers.baselines import Bias, GlobalMean, ItemMean, Majority, UserMean
    from duetbench.scorers.predictors.boosting import Boosting
    from duetbench.scorers.predictors.cornac_mf import CornacFactorization
    from duetbench.scorers.predictors.history_logistic import HistoryLogistic
    from duetbench.scorers.predictors.matrix_factorization import MatrixFactorization
    from duetbench.scorers.predictors.tfidf_logistic import TfidfLogistic
    from duetbench.scorers.predictors.tfidf_ridge import TfidfRidge
    from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
    from duetbench.scorers.rating_expectation import RatingExpectation
    from duetbench.scorers.rating_text import RatingText

    with_model = [RatingText, RatingExpectation, Reason4RecPredictor]
    baselines = [GlobalMean, UserMean, ItemMean, Bias, Majority]
    predictors = [HistoryLogistic, TfidfRidge, TfidfLogistic, Boosting, MatrixFactorization, CornacFactorization]
    return [*with_model, *baselines, *predictors]
