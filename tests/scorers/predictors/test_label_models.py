"""Estimators of label probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from duetbench.scorers.predictors.label_models import BoostedModel, LabelModel, LogisticModel

LABELS = (1, 2, 3, 4, 5)
FEATURES = np.linspace(-1, 1, 60)[:, None]
RATINGS = np.repeat([1.0, 3.0, 5.0], 20)
MODELS = (LogisticModel(LABELS, "multinomial", 1.0), LogisticModel(LABELS, "ordinal", 1.0), BoostedModel(LABELS, 4, 5))
every_model = pytest.mark.parametrize("model", MODELS, ids=("multinomial", "ordinal", "boosted"))


@every_model
def test_probabilities_sum_to_1_and_absent_labels_have_none(model: LabelModel) -> None:
    model.fit(FEATURES, RATINGS)
    probabilities = model.probabilities(FEATURES)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(60))
    assert (probabilities >= 0).all()
    assert (probabilities[:, [1, 3]] == 0).all()


@every_model
def test_the_most_probable_label_follows_the_feature(model: LabelModel) -> None:
    model.fit(FEATURES, RATINGS)
    assert model.probabilities(FEATURES)[[0, 30, 59]].argmax(axis=1).tolist() == [0, 2, 4]


@every_model
def test_one_label_alone_is_certain(model: LabelModel) -> None:
    model.fit(FEATURES, np.full(60, 4.0))
    assert model.probabilities(FEATURES[:1]).tolist() == [[0, 0, 0, 1, 0]]
