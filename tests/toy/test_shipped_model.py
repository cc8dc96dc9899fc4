"""The shipped toy-lm meets its conditions on new pairs."""

from __future__ import annotations

import json

import pytest

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.paths import registry_dir
from duetbench.toy.build import make_tokenizer, training_texts_digest
from duetbench.toy.measure import STRATEGIES, Measurements, measure


@pytest.fixture(scope="module")
def measured() -> Measurements:
    return measure(TransformersEngine(model=resolve("toy-lm")), pairs=60, seed=77)


def test_size_is_at_most_five_megabytes() -> None:
    assert sum(path.stat().st_size for path in registry_dir("models", "toy-lm").iterdir()) <= 5_000_000


def test_training_texts_are_the_current_ones() -> None:
    report = json.loads(registry_dir("models", "toy-lm", "build.json").read_text())
    assert report["training_texts"] == training_texts_digest(), "rebuild: duetbench models build toy-lm"


def test_tokenizer_has_the_words_of_the_toy_world() -> None:
    from transformers import AutoTokenizer

    shipped = AutoTokenizer.from_pretrained(registry_dir("models", "toy-lm"))
    assert shipped.get_vocab() == make_tokenizer().get_vocab()


def test_duet_answers_are_readable(measured: Measurements) -> None:
    assert measured.readable >= 0.95


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_answers_of_other_strategies_are_readable(measured: Measurements, name: str) -> None:
    assert measured.others[name].readable >= 0.95
    assert measured.others[name].readable_sampled >= 0.9


def test_informative_rationale_would_lower_the_error(measured: Measurements) -> None:
    r4rec = measured.others["r4rec"]
    assert r4rec.mae_written is not None
    assert r4rec.mae_careful is not None
    assert r4rec.mae_written >= 1.3 * r4rec.mae_careful


def test_true_profiles_halve_the_error_of_the_global_mean(measured: Measurements) -> None:
    assert measured.mae_true_0 is not None
    assert measured.mae_true_10 is not None
    assert max(measured.mae_true_0, measured.mae_true_10) <= 0.5 * measured.mae_global_mean


def test_written_profiles_leave_room_for_improvement(measured: Measurements) -> None:
    assert measured.mae_true_10 is not None
    assert measured.mae_written_10 is not None
    assert measured.mae_written_10 >= 1.3 * measured.mae_true_10


def test_informative_profiles_are_sampled_sometimes(measured: Measurements) -> None:
    assert 0.05 <= measured.telling_user <= 0.5
    assert 0.05 <= measured.telling_item <= 0.5


@pytest.mark.slow
def test_all_conditions_hold_on_many_pairs() -> None:
    measured = measure(TransformersEngine(model=resolve("toy-lm")), pairs=500, seed=78)
    assert measured.faults() == []
