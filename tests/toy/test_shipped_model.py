"""The shipped toy-lm meets its conditions on new pairs."""

from __future__ import annotations

import json

import pytest

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.paths import registry_dir
from duetbench.toy.build import make_tokenizer, training_texts_digest
from duetbench.toy.measure import NEEDED_GAIN, STRATEGIES, Measurements, measure


@pytest.fixture(scope="module")
def measured() -> Measurements:
    return measure(TransformersEngine(model=resolve("toy-lm")), pairs=150, seed=77, written=40)


def test_size_is_at_most_twelve_megabytes() -> None:
    assert sum(path.stat().st_size for path in registry_dir("models", "toy-lm").iterdir()) <= 12_000_000


def test_training_texts_are_the_current_ones() -> None:
    report = json.loads(registry_dir("models", "toy-lm", "build.json").read_text())
    assert report["training_texts"] == training_texts_digest(), "rebuild: duetbench models build toy-lm"


def test_tokenizer_has_the_words_of_the_toy_world() -> None:
    from transformers import AutoTokenizer

    shipped = AutoTokenizer.from_pretrained(registry_dir("models", "toy-lm"))
    assert shipped.get_vocab() == make_tokenizer().get_vocab()


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_answers_are_readable(measured: Measurements, name: str) -> None:
    assert measured.strategies[name].readable >= 0.95
    assert measured.strategies[name].readable_sampled >= 0.9


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_careful_profiles_lower_the_error(measured: Measurements, name: str) -> None:
    gain = measured.strategies[name].careful_gain
    assert gain.low > 0
    assert gain.high >= NEEDED_GAIN * measured.mae["10 interactions"]


def test_scorer_uses_the_history(measured: Measurements) -> None:
    assert all(gain.low > 0 for gain in measured.gains.values())


@pytest.mark.slow
def test_all_conditions_hold_on_many_pairs() -> None:
    measured = measure(TransformersEngine(model=resolve("toy-lm")), pairs=1000, seed=78)
    assert measured.faults() == []
