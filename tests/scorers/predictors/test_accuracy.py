"""How good the scorers without a model are: on the toy world, and on a part of real data."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.data import HistoryOptions, Prepared, build_examples, prepare
from duetbench.datasets.amazon import AmazonMusic
from duetbench.datasets.toy import Toy
from duetbench.runner.examples import fitting_data
from duetbench.scorers.predictors.base import Predictor
from duetbench.scorers.predictors.boosting import Boosting
from duetbench.scorers.predictors.history_logistic import HistoryLogistic
from duetbench.scorers.predictors.matrix_factorization import MatrixFactorization
from duetbench.types import Profiles

K_CORE = ("dedupe", "kcore:5", "sort", "split_count:0.8/0.1/0.1", "drop_cold")


def errors(scorer: Predictor, data: Prepared) -> list[float]:
    """Absolute errors on validation and test rows together."""
    fitting = fitting_data(data, HistoryOptions())
    scorer.fit(fitting)
    rows = [*fitting.valid(), *build_examples(data, "test", HistoryOptions())]
    predictions = scorer.score([row.request for row in rows], [Profiles() for _ in rows], None)
    return [abs((p.value or 0) - row.rating) for p, row in zip(predictions, rows, strict=True)]


@pytest.mark.parametrize("scorer", [HistoryLogistic(), Boosting()], ids=lambda scorer: scorer.name)
def test_music_part(scorer: Predictor, real_data: Path, tmp_path: Path) -> None:
    data = prepare(AmazonMusic(), raw=real_data / "amazon-2014-digital-music-part", steps=K_CORE, cache=tmp_path)
    found = errors(scorer, data)
    assert len(found) == 229
    assert sum(found) / len(found) <= 0.42
    assert sum(error == 0 for error in found) / len(found) >= 0.63


def test_toy_world(tmp_path: Path) -> None:
    data = prepare(Toy(), cache=tmp_path)
    boosted, factorized = (errors(scorer, data) for scorer in (Boosting(), MatrixFactorization()))
    assert sum(boosted) / len(boosted) <= 0.40
    assert sum(factorized) / len(factorized) <= 0.50
