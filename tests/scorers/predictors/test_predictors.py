"""What holds for every scorer that learns without a model: data of any kind, determinism, no leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from fitting_making import Row, fitting, prepared, taste_rows
from request_making import request

from duetbench.data import HistoryOptions, Prepared, build_examples
from duetbench.interfaces import FittingData
from duetbench.plugins import Plugins
from duetbench.runner.examples import fitting_data
from duetbench.scorers.baselines import Bias, ItemMean, UserMean
from duetbench.scorers.predictors.base import Predictor
from duetbench.scorers.predictors.boosting import Boosting
from duetbench.scorers.predictors.cornac_mf import CornacFactorization
from duetbench.scorers.predictors.history_logistic import HistoryLogistic
from duetbench.scorers.predictors.matrix_factorization import MatrixFactorization
from duetbench.scorers.predictors.tfidf_logistic import TfidfLogistic
from duetbench.scorers.predictors.tfidf_ridge import TfidfRidge
from duetbench.testing import ScorerConformance
from duetbench.types import Domain, Item, Prediction, Profiles


class TestHistoryLogistic(ScorerConformance):
    plugin = HistoryLogistic


class TestOrdinalHistoryLogistic(ScorerConformance):
    plugin = HistoryLogistic
    options = {"form": "ordinal", "decision": "mean"}


class TestTfidfRidge(ScorerConformance):
    plugin = TfidfRidge


class TestTfidfLogistic(ScorerConformance):
    plugin = TfidfLogistic


class TestBoosting(ScorerConformance):
    plugin = Boosting


class TestMatrixFactorization(ScorerConformance):
    plugin = MatrixFactorization


FROM_FEATURES = (HistoryLogistic, TfidfRidge, TfidfLogistic, Boosting)
PREDICTORS: tuple[type[Predictor], ...] = (*FROM_FEATURES, MatrixFactorization, UserMean, ItemMean, Bias)
every_predictor = pytest.mark.parametrize("cls", PREDICTORS, ids=lambda cls: cls.name)
ROWS = taste_rows()
TRAIN, VALID, TEST = ROWS[:180], ROWS[180:210], ROWS[210:]
DATA = prepared(TRAIN, VALID, TEST)


def predictions(cls: type[Predictor], data: Prepared, options: HistoryOptions | None = None) -> list[Prediction]:
    options = options or HistoryOptions()
    scorer = cls()
    scorer.fit(fitting_data(data, options))
    requests = [example.request for example in build_examples(data, "test", options)]
    return scorer.score(requests, [Profiles() for _ in requests], None)


def cold(cls: type[Predictor], train: Sequence[Row], **options: Any) -> Prediction:
    """The prediction for a user and an item without history."""
    scorer = cls()
    scorer.fit(fitting(train, **options))
    domain = options.get("domain", request().domain)
    stranger = request(user="new", item=Item("new", "New"), n_user=0, n_item=0, domain=domain)
    return scorer.score([stranger], [Profiles()], None)[0]


@every_predictor
def test_a_second_fit_gives_the_same_predictions(cls: type[Predictor]) -> None:
    assert predictions(cls, DATA) == predictions(cls, DATA)


@pytest.mark.parametrize("cls", [*FROM_FEATURES, MatrixFactorization, ItemMean, Bias], ids=lambda cls: cls.name)
def test_it_beats_the_mean_of_the_ratings(cls: type[Predictor]) -> None:
    mean = sum(rating for _, _, rating in TRAIN) / len(TRAIN)
    truth = [rating for _, _, rating in TEST]
    values = [prediction.value or 0 for prediction in predictions(cls, DATA)]
    error = sum(abs(value - rating) for value, rating in zip(values, truth, strict=True))
    assert error < sum(abs(mean - rating) for rating in truth)


@every_predictor
def test_a_cold_user_and_item_get_a_prediction_on_the_scale(cls: type[Predictor]) -> None:
    value = cold(cls, TRAIN).value
    assert value is not None
    assert 1 <= value <= 5


@every_predictor
def test_one_rating_alone_in_the_training_rows_is_predicted(cls: type[Predictor]) -> None:
    assert cold(cls, [(user, item, 4.0) for user, item, _ in TRAIN[:20]]).value == pytest.approx(4.0)


@every_predictor
def test_a_single_training_row_is_enough(cls: type[Predictor]) -> None:
    assert cold(cls, [("anna", "x", 2.0)]).value == pytest.approx(2.0)


@every_predictor
def test_texts_and_categories_may_be_absent(cls: type[Predictor]) -> None:
    bare = prepared(TRAIN, VALID, TEST, reviews=False, categories=False)
    assert all(prediction.status == "ok" for prediction in predictions(cls, bare))


@every_predictor
@pytest.mark.parametrize("labels", [(0, 1), (0, 10, 20, 30), tuple(range(1, 11))])
def test_other_scales_bound_the_predictions(cls: type[Predictor], labels: tuple[int, ...]) -> None:
    rows = taste_rows(labels=labels)
    data = prepared(rows[:180], rows[180:210], rows[210:], domain=Domain("book", "books", labels))
    for prediction in predictions(cls, data):
        assert prediction.value is not None
        assert labels[0] <= prediction.value <= labels[-1]
        assert len(prediction.probabilities) in (0, len(labels))


def changed(data: Prepared, split: str) -> Prepared:
    """The same rows, with other ratings and reviews in one split."""
    is_split = pl.col("split") == split
    return data.with_interactions(
        data.interactions.with_columns(
            rating=pl.when(is_split).then(6 - pl.col("rating")).otherwise(pl.col("rating")),
            review=pl.when(is_split).then(pl.lit("planted words planted")).otherwise(pl.col("review")),
        )
    )


@every_predictor
def test_ratings_and_reviews_of_test_rows_change_nothing(cls: type[Predictor]) -> None:
    assert predictions(cls, changed(DATA, "test")) == predictions(cls, DATA)


@every_predictor
def test_ratings_and_reviews_of_training_rows_do_change_predictions(cls: type[Predictor]) -> None:
    assert predictions(cls, changed(DATA, "train")) != predictions(cls, DATA)


@every_predictor
def test_validation_rows_only_choose_the_setting(cls: type[Predictor], monkeypatch: pytest.MonkeyPatch) -> None:
    def first(grid: Sequence[Any], error: Callable[[Any], float]) -> Any:
        error(grid[0])
        return grid[0]

    for module in ("baselines", "predictors.base", "predictors.biases", "predictors.matrix_factorization"):
        monkeypatch.setattr(f"duetbench.scorers.{module}.choose", first)
    assert predictions(cls, changed(DATA, "valid")) == predictions(cls, DATA)


def test_fitting_data_contains_no_test_row_with_any_history_source() -> None:
    marked = DATA.with_interactions(
        DATA.interactions.sort("row", descending=True).with_columns(timestamp=pl.int_range(pl.len()), row=pl.col("row"))
    )  # test rows are the earliest now
    planted = changed(marked, "test")
    assert "planted" in repr(build_examples(planted, "test", HistoryOptions(source="prequential")))
    data = fitting_data(planted, HistoryOptions(source="prequential"))
    assert "planted" not in repr([*data.train(), *data.valid(), data.interactions.to_dicts()])


def test_histories_of_training_rows_contain_no_validation_row() -> None:
    marked = DATA.with_interactions(
        DATA.interactions.sort("row", descending=True).with_columns(timestamp=pl.int_range(pl.len()))
    )
    data = fitting_data(changed(marked, "valid"), HistoryOptions(source="train+valid"))
    assert "planted" not in repr(data.train())
    assert "planted" in repr(data.valid())


def test_the_predicted_split_is_absent() -> None:
    data = fitting_data(changed(DATA, "valid"), HistoryOptions(source="prequential"), predicted="valid")
    assert list(data.valid()) == []
    assert "planted" not in repr([*data.train(), data.interactions.to_dicts()])


@pytest.mark.parametrize("cls", FROM_FEATURES, ids=lambda cls: cls.name)
def test_features_of_a_training_row_do_not_contain_its_own_rating_or_review(cls: type[Any]) -> None:
    target = pl.col("row") == 150
    own = DATA.interactions.with_columns(
        rating=pl.when(target).then(1.0).otherwise(pl.col("rating")),
        review=pl.when(target).then(pl.lit("good good plain")).otherwise(pl.col("review")),
    )
    scorer = cls()
    scorer.fit(fitting_data(DATA, HistoryOptions()))
    before, after = (
        next(row for row in fitting_data(data, HistoryOptions()).train() if row.request.request_id == "train:150")
        for data in (DATA, DATA.with_interactions(own))
    )
    assert (before.rating, before.review) != (after.rating, after.review)
    assert scorer._features([before.request]).tolist() == scorer._features([after.request]).tolist()


def test_features_are_the_same_for_training_rows_and_for_predictions() -> None:
    scorer = TfidfLogistic()
    data = fitting_data(DATA, HistoryOptions())
    scorer.fit(data)
    requests = [example.request for example in data.train()]
    together = scorer._features(requests)
    assert scorer._features(requests[100:101])[0] == pytest.approx(together[100], abs=1e-12)


def test_cornac_is_not_a_baseline_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.scorers.predictors.cornac_mf.find_spec", lambda _name: None)
    assert "pip install 'duetbench[cornac]'" in (CornacFactorization.missing() or "")
    assert "cornac_mf" in Plugins([], environ={}).of_kind("scorer")


def test_examples_are_built_once_and_only_when_they_are_used() -> None:
    built: list[str] = []
    data = FittingData(DATA.domain, DATA.interactions, lambda split: built.append(split) or [])
    Bias(Bias.Config(damping=1.0)).fit(data)
    assert "train" not in built
    data.train()
    data.train()
    assert built.count("train") == 1


def test_all_that_requests_carry_is_used_unless_history_k_is_set() -> None:
    assert [HistoryLogistic(HistoryLogistic.Config(history_k=k)).history_needed() for k in (None, 100)] == [0, 100]
