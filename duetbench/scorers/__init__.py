"""Built-in scorers: one file each; those without a model share `baselines`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Scorer


@hookimpl
def duetbench_register_scorers() -> list[type[Scorer]]:
    """The built-in scorers."""
    from duetbench.scorers.baselines import Bias, GlobalMean, ItemMean, Majority, UserMean
    from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
    from duetbench.scorers.rating_expectation import RatingExpectation
    from duetbench.scorers.rating_text import RatingText

    return [RatingText, RatingExpectation, Reason4RecPredictor, GlobalMean, UserMean, ItemMean, Bias, Majority]
