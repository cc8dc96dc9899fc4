"""Options and presets."""

from __future__ import annotations

import pickle

import pytest

from duetbench.config import build_config, options_of
from duetbench.training.grpo.trainer import Grpo
from duetbench.training.offline.dpo import Dpo, DpoSettings
from duetbench.training.offline.sft import Sft, SftSettings
from duetbench.training.options import warmup_updates
from duetbench.training.presets import DPO_PRESETS, PRESETS, SFT_PRESETS, GrpoSettings, preset_settings


def settings(**values: object) -> GrpoSettings:
    config, faults = build_config(Grpo.Config, values, path="grpo")
    assert not faults
    return preset_settings(config, GrpoSettings, PRESETS)


def test_a_preset_holds_where_nothing_else_is_said():
    found = settings(preset="paper", samples=4)
    assert (found.learning_rate, found.kl, found.pairs_per_round) == (1e-6, 1e-3, 64)
    assert found.samples == 4


def test_none_is_a_value_of_its_own():
    assert settings(unreadable_reward=None).unreadable_reward is None
    assert settings().unreadable_reward == -1.0


def test_the_paper_preset_is_the_authors():
    found = settings(preset="paper")
    assert (found.samples, found.temperature, found.max_completion, found.max_prompt) == (8, 1.0, 896, 4096)
    assert (found.clip_low, found.clip_high, found.updates_per_round, found.weight_decay) == (0.2, 0.2, 2, 0.01)
    assert (found.adapter, found.unscored_reward) == ("full", -1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_together(name):
    assert isinstance(settings(preset=name), GrpoSettings)


def test_the_options_say_what_the_presets_hold():
    meanings = {option.name: option.meaning for option in options_of(Grpo.Config)}
    assert "cpu" in meanings["learning_rate"]
    assert "paper 1e-06" in meanings["learning_rate"]


@pytest.mark.parametrize(("warmup", "updates"), [(0.0, 0), (0.1, 20), (1.0, 1), (100.0, 100), (500.0, 200)])
def test_warm_up_is_a_share_or_a_number(warmup, updates):
    assert warmup_updates(warmup, 200) == updates


def test_settings_that_do_not_fit_together_are_a_fault():
    _, faults = build_config(Grpo.Config, {"updates_per_round": 2, "evaluate_every": 3}, path="grpo")
    assert "multiple of 2" in faults[0]


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 0), ("samples", 1), ("warmup", 1.5), ("warmup", -1), ("kl", -1)]
)
def test_values_outside_their_range_are_faults(name, value):
    assert build_config(Grpo.Config, {name: value}, path="grpo")[1]


def test_the_generated_options_survive_pickling():
    config = build_config(Grpo.Config, {"samples": 4}, path="grpo")[0]
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_learning_rate_may_be_written_with_an_exponent():
    assert settings(learning_rate="1e-5").learning_rate == 1e-5
    assert build_config(Sft.Config, {"learning_rate": "3e-4"}, path="sft")[0].learning_rate == 3e-4


@pytest.mark.parametrize(
    ("cls", "values"), [(Sft, {"epochs": 0}), (Dpo, {"candidates": 1}), (Dpo, {"beta": 0}), (Sft, {"lora_r": 0})]
)
def test_other_trainers_refuse_what_makes_no_sense(cls, values):
    assert build_config(cls.Config, values, path=cls.name)[1]


@pytest.mark.parametrize(
    ("cls", "made", "presets", "name"),
    [(Sft, SftSettings, SFT_PRESETS, name) for name in SFT_PRESETS]
    + [(Dpo, DpoSettings, DPO_PRESETS, name) for name in DPO_PRESETS],
)
def test_the_presets_of_sft_and_dpo_fit_together(cls, made, presets, name):
    config, faults = build_config(cls.Config, {"preset": name}, path=cls.name)
    assert not faults
    assert preset_settings(config, made, presets).learning_rate == presets[name]["learning_rate"]


def test_on_a_cpu_sft_and_dpo_sample_the_same_candidates():
    names = ("pairs", "candidates", "temperature", "top_p")
    found = [
        preset_settings(build_config(cls.Config, {"preset": "cpu"}, path=cls.name)[0], made, presets)
        for cls, made, presets in ((Sft, SftSettings, SFT_PRESETS), (Dpo, DpoSettings, DPO_PRESETS))
    ]
    first, second = ([getattr(each, name) for name in names] for each in found)
    assert first == second
