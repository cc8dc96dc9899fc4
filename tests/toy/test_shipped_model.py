"""The toy-lm that ships: what it must do, measured on pairs that it has never seen."""

from __future__ import annotations

import json

import pytest

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.paths import registry_dir
from duetbench.toy.build import make_tokenizer, taught_prompts
from duetbench.toy.measure import STRATEGIES, Measurements, measure


@pytest.fixture(scope="module")
def measured() -> Measurements:
    return measure(TransformersEngine(model=resolve("toy-lm")), pairs=60, seed=77)


def test_it_takes_at_most_five_megabytes() -> None:
    assert sum(path.stat().st_size for path in registry_dir("models", "toy-lm").iterdir()) <= 5_000_000


def test_it_was_taught_the_prompts_that_ship() -> None:
    built = json.loads(registry_dir("models", "toy-lm", "build.json").read_text())
    assert built["prompts"] == taught_prompts(), "rebuild: duetbench models build toy-lm"


def test_it_was_taught_the_words_of_the_toy_world() -> None:
    from transformers import AutoTokenizer

    shipped = AutoTokenizer.from_pretrained(registry_dir("models", "toy-lm"))
    assert shipped.get_vocab() == make_tokenizer().get_vocab()


def test_it_follows_the_tags(measured: Measurements) -> None:
    assert measured.readable >= 0.95


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_it_follows_every_other_strategys_form(measured: Measurements, name: str) -> None:
    assert measured.others[name].readable >= 0.95
    assert measured.others[name].readable_sampled >= 0.9


def test_a_careful_rationale_would_win_something(measured: Measurements) -> None:
    found = measured.others["r4rec"]
    assert found.mae_written is not None
    assert found.mae_careful is not None
    assert found.mae_written >= 1.3 * found.mae_careful


def test_true_profiles_halve_the_error_of_the_global_mean(measured: Measurements) -> None:
    assert measured.mae_true_0 is not None
    assert measured.mae_true_10 is not None
    assert max(measured.mae_true_0, measured.mae_true_10) <= 0.5 * measured.mae_global_mean


def test_its_own_profiles_leave_something_to_win(measured: Measurements) -> None:
    assert measured.mae_true_10 is not None
    assert measured.mae_written_10 is not None
    assert measured.mae_written_10 >= 1.3 * measured.mae_true_10


def test_telling_profiles_can_be_found_by_sampling(measured: Measurements) -> None:
    assert 0.05 <= measured.telling_user <= 0.5
    assert 0.05 <= measured.telling_item <= 0.5


@pytest.mark.slow
def test_all_conditions_hold_on_many_pairs() -> None:
    measured = measure(TransformersEngine(model=resolve("toy-lm")), pairs=500, seed=78)
    assert measured.faults() == []
