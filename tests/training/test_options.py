"""Options and presets of the trainers."""

from __future__ import annotations

import pickle
from dataclasses import asdict

import pytest

from duetbench.config import build_config, options_of
from duetbench.errors import TrainingError
from duetbench.interfaces import Trainer
from duetbench.training.grpo.settings import GrpoSettings
from duetbench.training.grpo.trainer import Grpo, rounds_of
from duetbench.training.offline.dpo import Dpo
from duetbench.training.offline.settings import DpoSettings, SftSettings
from duetbench.training.offline.sft import Sft
from duetbench.training.options import warmup_updates
from duetbench.training.presets import DPO_PRESETS, GRPO_PRESET_SOURCES, GRPO_PRESETS, SFT_PRESETS, preset_settings


def settings(**values: object) -> GrpoSettings:
    config, faults = build_config(Grpo.Config, values, path="grpo")
    assert not faults
    return preset_settings(config, GrpoSettings, GRPO_PRESETS)


def faults_of(cls: type[Trainer], **values: object) -> list[str]:
    return build_config(cls.Config, values, path=cls.name)[1]


def test_the_preset_decides_what_is_not_set():
    resolved = settings(preset="paper", num_generations=4)
    assert (resolved.learning_rate, resolved.beta, resolved.pairs_per_round) == (1e-6, 1e-3, 64)
    assert resolved.num_generations == 4


def test_none_is_a_value():
    assert settings(unreadable_reward=None).unreadable_reward is None
    assert settings().unreadable_reward == -1.0


def test_the_paper_preset_is_the_authors():
    paper = settings(preset="paper")
    assert (paper.num_generations, paper.temperature) == (8, 1.0)
    assert (paper.max_completion_length, paper.max_prompt_length) == (896, 4096)
    assert (paper.epsilon, paper.epsilon_high, paper.updates_per_round, paper.weight_decay) == (0.2, 0.2, 2, 0.01)
    assert (paper.adapter, paper.unscored_reward, paper.advantage) == ("full", -1.0, "group_normalized")


def test_the_preset_of_the_released_code_differs_from_the_papers_in_clipping_and_in_the_loss():
    paper, code = (asdict(settings(preset=name)) for name in ("paper", "duet-code"))
    assert {name: (paper[name], code[name]) for name in paper if paper[name] != code[name]} == {
        "delta": (None, 3.0),
        "loss_type": ("dapo", "bnpo"),
        "loss_batch_size": (None, 8),
    }


@pytest.mark.parametrize("name", GRPO_PRESETS)
def test_every_value_of_a_preset_has_a_source(name):
    assert GRPO_PRESET_SOURCES[name].keys() == GRPO_PRESETS[name].keys()
    assert all(GRPO_PRESET_SOURCES[name].values())


# Training rows and users of the paper's table 4: the first row of each user has no history and is left out.
@pytest.mark.parametrize(
    ("rows", "users", "rounds"), [(43_071, 4_183, 6_070), (51_497, 8_453, 6_720), (71_972, 13_863, 9_070)]
)
@pytest.mark.parametrize("preset", ["paper", "duet-code"])
def test_the_epochs_of_the_authors_are_at_most_their_steps(preset, rows, users, rounds):
    assert rounds_of(settings(preset=preset), rows - users) == rounds


def test_too_few_examples_for_a_round_of_an_epoch_are_an_error():
    assert rounds_of(settings(rounds=7), 1) == 7
    with pytest.raises(TrainingError, match="7 training examples do not fill a round of 8"):
        rounds_of(settings(epochs=2), 7)


@pytest.mark.parametrize("name", GRPO_PRESETS)
def test_every_preset_of_grpo_is_valid(name):
    assert isinstance(settings(preset=name), GrpoSettings)


def test_the_options_explain_the_values_of_the_presets():
    meanings = {option.name: option.meaning for option in options_of(Grpo.Config)}
    assert "cpu" in meanings["learning_rate"]
    assert "paper 1e-06" in meanings["learning_rate"]


@pytest.mark.parametrize(("warmup", "updates"), [(0.0, 0), (0.1, 20), (1.0, 1), (100.0, 100), (500.0, 200)])
def test_warm_up_is_a_share_or_a_number(warmup, updates):
    assert warmup_updates(warmup, 200) == updates


def test_contradicting_settings_are_a_fault():
    assert "multiple of 2" in faults_of(Grpo, updates_per_round=2, evaluate_every=3)[0]
    assert "delta must be > 1 + epsilon_high = 1.2" in faults_of(Grpo, delta=1.1, num_iterations=2, evaluate_every=2)[0]
    assert "loss_batch_size must divide the 64" in faults_of(Grpo, loss_type="bnpo", loss_batch_size=5)[0]
    assert "prefilter_samples must be 0 (no prefilter) or >= 2" in faults_of(Grpo, prefilter_samples=1)[0]


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 0), ("num_generations", 1), ("warmup", 1.5), ("warmup", -1), ("beta", -1)]
)
def test_values_out_of_bounds_are_faults(name, value):
    assert faults_of(Grpo, **{name: value})


@pytest.mark.parametrize(
    ("cls", "values", "reason"),
    [
        (Grpo, {"adapter": "full", "lora_r": 8}, "grpo: lora_r has no effect: adapter=full trains all weights"),
        (Grpo, {"preset": "paper", "lora_dropout": 0.1}, "lora_dropout has no effect: adapter=full"),
        (Grpo, {"credit": "paired", "partners": 4}, "partners has no effect: credit=paired"),
        (Grpo, {"alternate_every": 2}, "alternate_every has no effect: credit=auto"),
        (Grpo, {"prefilter_range": 0.1}, "prefilter_range has no effect: prefilter_samples=0"),
        (Grpo, {"epsilon": 0.1}, "epsilon has no effect: with one update per round the likelihood ratio is always 1"),
        (Grpo, {"epsilon_high": 0.3}, "epsilon_high has no effect: with one update per round"),
        (Grpo, {"delta": 3}, "delta has no effect: with one update per round"),
        (Grpo, {"epochs": 2, "rounds": 5}, "rounds has no effect: epochs=2 determines the number of rounds"),
        (Grpo, {"preset": "paper", "rounds": 5}, "rounds has no effect: epochs=10"),
        (Grpo, {"loss_batch_size": 8}, "loss_batch_size has no effect: loss_type=dapo"),
        (Dpo, {"judge": "class", "margin": 0.5}, "margin has no effect: judge=class"),
        (Dpo, {"preset": "lettingo", "margin": 0.5}, "margin has no effect: judge=sentiment"),
        (Dpo, {"pairing": "sampled", "max_pairs": None}, "requires max_pairs"),
        (Dpo, {"candidates": 1}, "candidates must be >= 2 without explorers"),
        (Dpo, {"pairing": "best_worst", "max_pairs": 4}, "max_pairs has no effect: pairing=best_worst"),
        (Sft, {"adapter": "full", "lora_alpha": 8}, "lora_alpha has no effect: adapter=full"),
    ],
)
def test_an_option_that_cannot_have_an_effect_is_a_fault(cls, values, reason):
    (fault,) = faults_of(cls, **values)
    assert reason in fault


OLD_NAMES = {
    Grpo: {
        "samples": "num_generations",
        "iterations": "num_iterations",
        "kl": "beta",
        "clip_low": "epsilon",
        "clip_high": "epsilon_high",
        "loss": "loss_type",
        "scale": "advantage",
        "max_completion": "max_completion_length",
        "mask_truncated": "mask_truncated_completions",
        "pilot": "prefilter_samples",
        "pilot_spread": "prefilter_range",
        "max_prompt": "max_prompt_length",
        "micro_batch": "micro_batch_size",
        "scheduler": "lr_scheduler",
    },
    Sft: {"lessons": "stage_settings", "micro_batch": "micro_batch_size"},
    Dpo: {"loss": "loss_type", "max_prompt": "max_prompt_length"},
}


@pytest.mark.parametrize(
    ("cls", "old", "new"), [(cls, old, new) for cls, names in OLD_NAMES.items() for old, new in names.items()]
)
def test_an_old_name_is_answered_with_the_new_one(cls, old, new):
    (fault,) = faults_of(cls, **{old: 1})
    assert f"did you mean '{new}'?" in fault


def test_the_generated_options_can_be_pickled():
    config = build_config(Grpo.Config, {"num_generations": 4}, path="grpo")[0]
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_learning_rate_may_be_written_with_an_exponent():
    assert settings(learning_rate="1e-5").learning_rate == 1e-5
    assert build_config(Sft.Config, {"learning_rate": "3e-4"}, path="sft")[0].learning_rate == 3e-4


@pytest.mark.parametrize(
    ("cls", "values"), [(Sft, {"epochs": 0}), (Dpo, {"candidates": 1}), (Dpo, {"beta": 0}), (Sft, {"lora_r": 0})]
)
def test_invalid_values_of_sft_and_dpo_are_faults(cls, values):
    assert faults_of(cls, **values)


@pytest.mark.parametrize(
    ("cls", "settings_class", "presets", "name"),
    [(Sft, SftSettings, SFT_PRESETS, name) for name in SFT_PRESETS]
    + [(Dpo, DpoSettings, DPO_PRESETS, name) for name in DPO_PRESETS],
)
def test_every_preset_of_sft_and_dpo_is_valid(cls, settings_class, presets, name):
    config, faults = build_config(cls.Config, {"preset": name}, path=cls.name)
    assert not faults
    assert preset_settings(config, settings_class, presets).learning_rate == presets[name]["learning_rate"]


def test_on_a_cpu_sft_and_dpo_sample_the_same_candidates():
    names = ("pairs", "candidates", "temperature", "top_p")
    resolved = [
        preset_settings(build_config(cls.Config, {"preset": "cpu"}, path=cls.name)[0], settings_class, presets)
        for cls, settings_class, presets in ((Sft, SftSettings, SFT_PRESETS), (Dpo, DpoSettings, DPO_PRESETS))
    ]
    sft, dpo = ([getattr(values, name) for name in names] for values in resolved)
    assert sft == dpo
