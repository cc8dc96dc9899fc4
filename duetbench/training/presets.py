"""Named presets of the trainers, and the options that are generated from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, asdict, fields, make_dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, TypeVar, get_type_hints

from duetbench.interfaces import Trainer
from duetbench.options import bound_faults, option, spec_of
from duetbench.training.options import POLICY_OPTIONS, TrainerSettings

S = TypeVar("S", bound=TrainerSettings)

FROM_PRESET = "preset"
"""Value of an option that is not set: the preset decides."""

GRPO_PRESETS: dict[str, dict[str, Any]] = {
    # Two CPU cores, a model of a few million parameters: minutes.
    "cpu": {
        "learning_rate": 1e-3,
        "precision": "fp32",
        "micro_batch_size": 64,
        "rounds": 75,
        "evaluate_every": 25,
        "max_prompt_length": 2048,
    },
    # One GPU of 80 GB, a model of 8 billion parameters in bf16 with an adapter.
    "lora-gpu": {
        "lora_r": 32,
        "lora_alpha": 64,
        "learning_rate": 1e-5,
        "precision": "bf16",
        "gradient_checkpointing": True,
        "micro_batch_size": 8,  # one group, which reads its prompt once
        "rounds": 500,
        "pairs_per_round": 32,
        "num_generations": 8,
        "beta": 1e-3,
        "evaluate_every": 50,
        "patience": 4,
        "show_profiles": 10,
        "token_budget": 262_144,
    },
    # The paper: GRPO through TRL; values that it leaves to its code are those of the code.
    "paper": {
        "adapter": "full",
        "learning_rate": 1e-6,
        "lr_scheduler": "constant",
        "weight_decay": 0.01,
        "precision": "bf16",
        "gradient_checkpointing": True,
        "micro_batch_size": 8,  # one group, which reads its prompt once
        "max_prompt_length": 4096,
        "epochs": 10,
        "pairs_per_round": 64,
        "num_generations": 8,
        "updates_per_round": 2,
        "temperature": 1.0,
        "max_completion_length": 896,
        "beta": 1e-3,
        "epsilon": 0.2,
        "epsilon_high": 0.2,
        "loss_type": "dapo",
        "advantage": "group_normalized",
        "unreadable_reward": -1.0,
        "unscored_reward": -1.0,
        "evaluate_every": 200,
        "show_profiles": 10,
        "token_budget": 262_144,
    },
}
"""Values that each preset of `grpo` sets; other settings keep their defaults."""

# The authors' released code, which trains with verl: dual clip, and a loss that is averaged over micro-batches.
GRPO_PRESETS["duet-code"] = {**GRPO_PRESETS["paper"], "delta": 3.0, "loss_type": "bnpo", "loss_batch_size": 8}

_OWN = "duetbench: the paper and the authors' code have no such setting, or it affects memory and reports only"
_SCRIPT = "authors' code f623a74, scripts/run_duet_training.sh"
_VERL = "authors' code f623a74, verl's default"
_CODE_SOURCES = {
    "adapter": "authors' code f623a74: all weights are trained, with FSDP",
    "learning_rate": f"{_SCRIPT}: actor.optim.lr=1e-6",
    "lr_scheduler": f"{_VERL}: lr_scheduler_type=constant",
    "weight_decay": f"{_VERL}: weight_decay=0.01",
    "precision": _OWN,
    "gradient_checkpointing": f"{_SCRIPT}: enable_gradient_checkpointing=True",
    "micro_batch_size": _OWN,
    "max_prompt_length": f"{_SCRIPT}: data.max_prompt_length=4096",
    "epochs": f"{_SCRIPT}: total_epochs=10; verl's loader drops the last incomplete batch",
    "pairs_per_round": f"{_SCRIPT}: data.train_batch_size=64",
    "num_generations": f"{_SCRIPT}: rollout.n=8",
    "updates_per_round": f"{_SCRIPT}: ppo_mini_batch_size=32, two per batch of 64",
    "temperature": f"{_SCRIPT}: rollout.temperature=1.0",
    "max_completion_length": f"{_SCRIPT}: data.max_response_length=896",
    "beta": f"{_SCRIPT}: kl_loss_coef=0.001, low_var_kl",
    "epsilon": f"{_VERL}: clip_ratio=0.2",
    "epsilon_high": f"{_VERL}: clip_ratio_high=0.2",
    "delta": f"{_VERL}: clip_ratio_c=3.0",
    "loss_type": f"{_VERL}: loss_agg_mode=token-mean, per micro-batch and weighted by sequences",
    "loss_batch_size": "duetbench: verl's micro-batches hold as many completions as fit into 16,384 tokens "
    "(use_dynamic_bsz), which differs between batches; 8 is our fixed size in their place",
    "advantage": f"{_SCRIPT}: algorithm.adv_estimator=grpo, normalized by the group's standard deviation",
    "unreadable_reward": "authors' code f623a74, reward_score/duet.py: -1 if a field is missing",
    "unscored_reward": "authors' code f623a74, reward_score/duet.py: -1 if no rating can be read",
    "evaluate_every": f"{_SCRIPT}: test_freq=100 batches of two updates",
    "show_profiles": _OWN,
    "token_budget": _OWN,
}
_PAPER_SOURCES = {
    **{name: f"not in the paper, which refers to its code; {_CODE_SOURCES[name]}" for name in GRPO_PRESETS["paper"]},
    **{name: _OWN for name, source in _CODE_SOURCES.items() if source == _OWN},
    "loss_type": "not in the paper, which says that it uses TRL: the default of TRL 1.16",
    "advantage": "DUET, section 3.4: GRPO (DeepSeek-AI et al. 2025), normalized within the group",
}

GRPO_PRESET_SOURCES: dict[str, dict[str, str]] = {
    **{name: dict.fromkeys(GRPO_PRESETS[name], "duetbench: chosen for this hardware") for name in ("cpu", "lora-gpu")},
    "paper": _PAPER_SOURCES,
    "duet-code": _CODE_SOURCES,
}
"""Where each value of a preset of `grpo` comes from, by preset and setting."""

_CPU = {"precision": "fp32", "micro_batch_size": 64, "max_prompt_length": 2048, "evaluate_every": 10}
_GPU = {
    "precision": "bf16",
    "gradient_checkpointing": True,
    "micro_batch_size": 4,
    "evaluate_every": 50,
    "patience": 4,
}

SFT_PRESETS: dict[str, dict[str, Any]] = {
    # Two CPU cores, a model of a few million parameters: a minute or two.
    "cpu": {
        **_CPU,
        "learning_rate": 1e-3,
        "pairs": 256,
        "candidates": 8,
        "least_gain": 0.02,
        "epochs": 3.0,
        "targets": 512,
        "stage_settings": "own",
    },
    # One GPU of 80 GB, a model of 8 billion parameters in bf16 with an adapter.
    "lora-gpu": {**_GPU, "learning_rate": 1e-4, "pairs": 4096, "warmup": 0.1},
}
"""Values that each preset of `sft` sets; other settings keep their defaults."""

DPO_PRESETS: dict[str, dict[str, Any]] = {
    # As many candidates as for sft: both then learn from the same ones, which are in the request store already.
    "cpu": {
        **_CPU,
        "evaluate_every": 5,
        "learning_rate": 1e-3,
        "pairs": 256,
        "candidates": 8,
        "margin": 0.05,
        "max_pairs": 2,
    },
    # LettinGo publishes neither learning rate nor beta; 10 candidates per user are its own.
    "lora-gpu": {**_GPU, "learning_rate": 5e-6, "pairs": 3000, "candidates": 10, "warmup": 0.1},
    # LettinGo's way of making pairs: several models explore, 10 candidates per user in total, three classes, every
    # right with every wrong candidate. Its own pool (LLaMA 2 and 3, GPT-4o-mini, Claude) needs served models: set
    # explorers. Learning rate and beta are not published.
    "lettingo": {
        **_GPU,
        "learning_rate": 5e-6,
        "warmup": 0.1,
        "pairs": 3000,
        "candidates": 5,
        "temperature": 1.0,
        "explorers": ("llama3-8b", "qwen3-8b"),
        "judge": "sentiment",
        "pairing": "all",
        "max_pairs": None,
    },
}
"""Values that each preset of `dpo` sets; other settings keep their defaults."""


def preset_settings(config: Any, settings: type[S], presets: Mapping[str, Mapping[str, Any]]) -> S:
    """The settings: the values that the user set, then the preset's, then the defaults.

    Args:
        config: A trainer's options, of a class made by `options_with_presets`.
        settings: The class of the settings.
        presets: Values by preset.

    Raises:
        ValueError: the settings contradict each other, are out of bounds, or the user set one that has no effect.
    """
    explicit = explicit_values(config)
    resolved = settings(**{**presets[config.preset], **explicit})
    reasons = resolved.without_effect()
    faults = bound_faults(resolved) + [
        f"{name} has no effect: {reason}; leave it out" for name, reason in reasons.items() if name in explicit
    ]
    if faults:
        raise ValueError("; ".join(faults))
    return resolved


def explicit_values(config: Any) -> dict[str, Any]:
    """The settings that the user set, without those left to the preset."""
    values = {entry.name: getattr(config, entry.name) for entry in fields(config) if entry.name != "preset"}
    return {name: value for name, value in values.items() if value != FROM_PRESET}


def options_with_presets(
    qualified: str, module: str, settings: type[TrainerSettings], presets: Mapping[str, Mapping[str, Any]]
) -> type:
    """The `Config` of a trainer: one option per setting, each with the preset's value as its default.

    Args:
        qualified: The qualified name of the class, by which it is found when options are unpickled.
        module: The module of the class.
        settings: The class of the settings.
        presets: Values by preset; the first preset is the default.
    """
    hints = get_type_hints(settings)
    names = tuple(presets)
    options: list[tuple[str, Any, Any]] = [
        ("preset", Literal[names], option(names[0], "values of all settings that are not set"))
    ]
    for entry in fields(settings):
        spec = spec_of(entry)
        meaning = f"{spec.meaning} ({_preset_values(entry, presets)})"
        hint = Literal["preset"] | hints[entry.name]
        options.append((entry.name, hint, option(FROM_PRESET, meaning, old_names=spec.old_names)))

    def check(self: Any) -> None:
        preset_settings(self, settings, presets)

    namespace = {"__post_init__": check, "__doc__": "Options of the trainer."}
    made = make_dataclass("Config", options, frozen=True, namespace=namespace)
    made.__qualname__, made.__module__ = qualified, module
    return made


def _preset_values(entry: Field[Any], presets: Mapping[str, Mapping[str, Any]]) -> str:
    """The setting's value in each preset, or the value that all presets share."""
    values = {name: preset.get(entry.name, entry.default) for name, preset in presets.items()}
    if len(set(map(str, values.values()))) == 1:
        return f"preset: {next(iter(values.values()))}"
    return "preset: " + ", ".join(f"{name} {value}" for name, value in values.items())


class PresetTrainer(Trainer):
    """A trainer whose options default to the values of a preset.

    A subclass that names its settings and presets gets the `Config` that `options_with_presets` makes of them.
    """

    policy_options = POLICY_OPTIONS
    settings_class: ClassVar[type[TrainerSettings]]
    """The class of the settings."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    """Values by preset."""
    preset_sources: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Where each value of a preset comes from, by preset and setting."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "settings_class" in vars(cls):
            name = f"{cls.__qualname__}.Config"
            config_class = options_with_presets(name, cls.__module__, cls.settings_class, cls.presets)
            cls.Config = config_class  # type: ignore[misc, assignment]

    @classmethod
    def missing(cls) -> str | None:
        absent = [name for name in ("trl", "peft") if find_spec(name) is None]
        if not absent:
            return None
        return f"trainer '{cls.name}' needs {' and '.join(absent)}: pip install 'duetbench[train]'"

    @classmethod
    def resolved_options(cls, config: Any) -> dict[str, Any]:
        """The preset's name, and the value of every setting that has an effect."""
        settings = preset_settings(config, cls.settings_class, cls.presets)
        idle = settings.without_effect()
        effective = {name: value for name, value in asdict(settings).items() if name not in idle}
        return {"preset": config.preset, **effective}
