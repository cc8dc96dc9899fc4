"""Named presets, and GRPO's settings: every setting has a value of ours, none is left to a library's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, fields, make_dataclass
from typing import Any, ClassVar, Literal, TypeVar, get_type_hints

from duetbench.interfaces import Trainer
from duetbench.options import bound_faults, option, spec_of
from duetbench.training.options import TrainerSettings

S = TypeVar("S", bound=TrainerSettings)

FROM_PRESET = "preset"
"""An option's value that stands for the preset's."""


@dataclass(frozen=True)
class GrpoSettings(TrainerSettings):
    """All settings of GRPO. A round samples completions once; one or more updates learn from it."""

    credit: Literal["auto", "paired", "cross", "alternate", "user", "item"] = option(
        "auto",
        "paired: one completion holds both profiles and earns one reward; cross: sides are sampled apart and each "
        "earns its mean over partners; alternate: one side at a time; user, item: that side alone; auto: what the "
        "strategy asks",
    )
    partners: int = option(
        8, "cross: partners that each profile meets; as many as samples: a partner's effect cancels", ge=1
    )
    alternate_every: int = option(10, "alternate: rounds after which the other side is trained", ge=1)
    rounds: int = option(150, "rounds of sampling", ge=1)
    pairs_per_round: int = option(8, "training examples of one round", ge=1)
    samples: int = option(8, "completions of each prompt (G)", ge=2)
    updates_per_round: int = option(1, "updates that share a round's completions among them", ge=1)
    iterations: int = option(1, "passes over each round", ge=1)
    temperature: float = option(1.0, "sampling temperature; the likelihood is that of the tempered model", gt=0)
    max_completion: int | None = option(None, "tokens of a completion at most; none: what the strategy says", ge=1)
    kl: float = option(0.0, "weight of the KL divergence from the untrained model (k3 estimate, in the loss)", ge=0)
    clip_low: float = option(0.2, "the likelihood ratio is clipped below at 1 minus this", ge=0)
    clip_high: float = option(0.2, "and above at 1 plus this", ge=0)
    loss: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = option(
        "dapo", "how tokens are averaged: dapo over all of a round, grpo within each completion first"
    )
    scale: Literal["group", "batch", "none"] = option(
        "group",
        "rewards minus their group's mean are divided by the standard deviation of the group, the round, or not",
    )
    mask_truncated: bool = option(False, "completions that were cut off at their longest teach nothing")
    unreadable_reward: float | None = option(
        -1.0, "what a completion that cannot be read earns if no reward speaks of it; none: it is left out"
    )
    unscored_reward: float | None = option(
        None, "what a readable completion earns if the scorer's answer cannot be read; none: the rewards decide"
    )
    pilot: int = option(
        0, "samples per prompt in a first look that leaves out pairs whose rewards tie; 0: no look", ge=0
    )
    pilot_spread: float = option(
        1e-3, "pairs whose rewards lie no farther apart than this in the pilot are left out", ge=0
    )
    token_budget: int = option(65_536, "tokens of one sampling batch; memory depends on it", ge=1)

    def __post_init__(self) -> None:
        """Refuses numbers that do not divide each other."""
        super().__post_init__()
        updates = self.updates_per_round * self.iterations
        if updates > 0 and self.evaluate_every % updates:
            raise ValueError(f"evaluate_every must be a multiple of {updates}, the updates of a round")
        if self.updates_per_round > 0 and (self.pairs_per_round * self.samples) % self.updates_per_round:
            raise ValueError("updates_per_round must divide pairs_per_round * samples")


PRESETS: dict[str, dict[str, Any]] = {
    # Two cores, a model of a few million parameters: minutes.
    "cpu": {
        "learning_rate": 1e-3,
        "precision": "fp32",
        "micro_batch": 64,
        "rounds": 75,
        "evaluate_every": 25,
        "max_prompt": 2048,
    },
    # One GPU of 80 GB, a model of 8 billion parameters in bf16 with an adapter.
    "lora-gpu": {
        "lora_r": 32,
        "lora_alpha": 64,
        "learning_rate": 1e-5,
        "precision": "bf16",
        "gradient_checkpointing": True,
        "micro_batch": 4,
        "rounds": 500,
        "pairs_per_round": 32,
        "samples": 8,
        "kl": 1e-3,
        "evaluate_every": 50,
        "patience": 4,
        "show_profiles": 10,
        "token_budget": 262_144,
    },
    # The authors' code: full fine-tuning, 64 prompts of 8 completions, two updates of 32 prompts, -1 for bad form.
    "paper": {
        "adapter": "full",
        "learning_rate": 1e-6,
        "scheduler": "constant",
        "weight_decay": 0.01,
        "precision": "bf16",
        "gradient_checkpointing": True,
        "micro_batch": 4,
        "max_prompt": 4096,
        "rounds": 7440,
        "pairs_per_round": 64,
        "samples": 8,
        "updates_per_round": 2,
        "temperature": 1.0,
        "max_completion": 896,
        "kl": 1e-3,
        "clip_low": 0.2,
        "clip_high": 0.2,
        "loss": "dapo",
        "scale": "group",
        "unreadable_reward": -1.0,
        "unscored_reward": -1.0,
        "evaluate_every": 200,
        "show_profiles": 10,
        "token_budget": 262_144,
    },
}
"""What each preset sets; the rest has the settings' own defaults."""


_CPU = {"precision": "fp32", "micro_batch": 64, "max_prompt": 2048, "evaluate_every": 10}
_GPU = {"precision": "bf16", "gradient_checkpointing": True, "micro_batch": 4, "evaluate_every": 50, "patience": 4}

SFT_PRESETS: dict[str, dict[str, Any]] = {
    # Two cores, a model of a few million parameters: a minute or two.
    "cpu": {
        **_CPU,
        "learning_rate": 1e-3,
        "pairs": 256,
        "candidates": 8,
        "least_gain": 0.02,
        "epochs": 3.0,
        "targets": 512,
        "lessons": "own",
    },
    # One GPU of 80 GB, a model of 8 billion parameters in bf16 with an adapter.
    "lora-gpu": {**_GPU, "learning_rate": 1e-4, "pairs": 4096, "warmup": 0.1},
}
"""What each preset of `sft` sets."""

DPO_PRESETS: dict[str, dict[str, Any]] = {
    # As many candidates as sft samples: both then learn from the same ones, which the request store has already.
    "cpu": {
        **_CPU,
        "evaluate_every": 5,
        "learning_rate": 1e-3,
        "pairs": 256,
        "candidates": 8,
        "margin": 0.05,
        "max_pairs": 2,
    },
    # LettinGo prints neither learning rate nor beta; 10 candidates per user are its own.
    "lora-gpu": {**_GPU, "learning_rate": 5e-6, "pairs": 3000, "candidates": 10, "warmup": 0.1},
}
"""What each preset of `dpo` sets."""


def preset_settings(config: Any, settings: type[S], presets: Mapping[str, Mapping[str, Any]]) -> S:
    """The settings that options stand for: the preset's, where the user says nothing else.

    Args:
        config: A trainer's options, made by `options_with_presets`.
        settings: What they become.
        presets: What each preset sets.

    Raises:
        ValueError: they do not fit together.
    """
    own = {entry.name: getattr(config, entry.name) for entry in fields(config) if entry.name != "preset"}
    own = {name: value for name, value in own.items() if value != FROM_PRESET}
    made = settings(**{**presets[config.preset], **own})
    faults = bound_faults(made)
    if faults:
        raise ValueError("; ".join(faults))
    return made


def options_with_presets(
    qualified: str, module: str, settings: type[TrainerSettings], presets: Mapping[str, Mapping[str, Any]]
) -> type:
    """The `Config` of a plugin: one option per setting, each by default the preset's.

    Args:
        qualified: The class's qualified name, by which it is found again when options are sent to another process.
        module: Where it stands.
        settings: What the options become.
        presets: What each preset sets; the first one holds where none is named.
    """
    hints = get_type_hints(settings)
    names = tuple(presets)
    options: list[tuple[str, Any, Any]] = [
        ("preset", Literal[names], option(names[0], "the settings that hold where nothing else is said"))
    ]
    for entry in fields(settings):
        meaning = f"{spec_of(entry).meaning} ({_in_presets(entry, presets)})"
        options.append(
            (
                entry.name,
                Literal["preset"] | hints[entry.name],
                option(FROM_PRESET, meaning, old_names=spec_of(entry).old_names),
            )
        )

    def check(self: Any) -> None:
        preset_settings(self, settings, presets)

    made = make_dataclass("Config", options, frozen=True, namespace={"__post_init__": check, "__doc__": "Options."})
    made.__qualname__, made.__module__ = qualified, module
    return made


def _in_presets(entry: Field[Any], presets: Mapping[str, Mapping[str, Any]]) -> str:
    """The setting's value in each preset, or the one that all share."""
    values = {name: preset.get(entry.name, entry.default) for name, preset in presets.items()}
    if len(set(map(str, values.values()))) == 1:
        return f"preset: {next(iter(values.values()))}"
    return "preset: " + ", ".join(f"{name} {value}" for name, value in values.items())


class PresetTrainer(Trainer):
    """A trainer whose options default to the values of a preset; its `Config` comes from `options_with_presets`."""

    settings_class: ClassVar[type[TrainerSettings]]
    """What the options become."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    """What each preset sets."""

    @classmethod
    def resolved_options(cls, config: Any) -> dict[str, Any]:
        """The preset's name, and the value of every setting."""
        return {"preset": config.preset, **asdict(preset_settings(config, cls.settings_class, cls.presets))}
