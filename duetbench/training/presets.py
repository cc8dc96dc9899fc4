"""GRPO's settings and the named presets: every setting has a value of ours, none is left to a library's default."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields, make_dataclass
from typing import Any, Literal, get_type_hints

from duetbench.interfaces import option
from duetbench.training.options import Tuning

FROM_PRESET = "preset"
"""An option's value that stands for the preset's."""


@dataclass(frozen=True)
class GrpoSettings(Tuning):
    """All settings of GRPO. A round samples completions once; one or more updates learn from it."""

    credit: Literal["auto", "paired", "cross", "alternate", "user", "item"] = option(
        "auto",
        "paired: one completion holds both profiles and earns one reward; cross: sides are sampled apart and each "
        "earns its mean over partners; alternate: one side at a time; user, item: that side alone; auto: what the "
        "strategy asks",
    )
    partners: int = option(8, "cross: partners that each profile meets; as many as samples: a partner's effect cancels")
    alternate_every: int = option(10, "alternate: rounds after which the other side is trained")
    rounds: int = option(150, "rounds of sampling")
    pairs_per_round: int = option(8, "training examples of one round")
    samples: int = option(8, "completions of each prompt (G)")
    updates_per_round: int = option(1, "updates that share a round's completions among them")
    iterations: int = option(1, "passes over each round")
    temperature: float = option(1.0, "sampling temperature; the likelihood is that of the tempered model")
    max_completion: int | None = option(None, "tokens of a completion at most; none: what the strategy says")
    kl: float = option(0.0, "weight of the KL divergence from the untrained model (k3 estimate, in the loss)")
    clip_low: float = option(0.2, "the likelihood ratio is clipped below at 1 minus this")
    clip_high: float = option(0.2, "and above at 1 plus this")
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
    pilot: int = option(0, "samples per prompt in a first look that leaves out pairs whose rewards tie; 0: no look")
    pilot_spread: float = option(1e-3, "pairs whose rewards lie no farther apart than this in the pilot are left out")
    token_budget: int = option(65_536, "tokens of one sampling batch; memory depends on it")

    def __post_init__(self) -> None:
        """Refuses values outside their ranges, all at once."""
        super().__post_init__()
        faults = [f"{name} wants at least {least}" for name, least in _LEAST.items() if getattr(self, name) < least]
        faults += [] if self.temperature > 0 else ["temperature wants more than 0"]
        faults += [] if self.max_completion is None or self.max_completion > 0 else ["max_completion wants at least 1"]
        updates = self.updates_per_round * self.iterations
        if self.evaluate_every % updates:
            faults.append(f"evaluate_every wants a multiple of {updates}, the updates of a round")
        if (self.pairs_per_round * self.samples) % self.updates_per_round:
            faults.append("updates_per_round wants a divisor of pairs_per_round * samples")
        if faults:
            raise ValueError("; ".join(faults))


_LEAST: dict[str, float] = {
    "partners": 1,
    "alternate_every": 1,
    "rounds": 1,
    "pairs_per_round": 1,
    "samples": 2,
    "updates_per_round": 1,
    "iterations": 1,
    "kl": 0,
    "clip_low": 0,
    "clip_high": 0,
    "pilot": 0,
    "pilot_spread": 0,
    "token_budget": 1,
}

PRESETS: dict[str, dict[str, Any]] = {
    # Two cores, a model of a few million parameters: minutes.
    "cpu": {"learning_rate": 3e-3, "precision": "fp32", "micro_batch": 64, "evaluate_every": 25, "max_prompt": 2048},
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


def preset_settings(config: Any) -> GrpoSettings:
    """The settings that options stand for: the preset's, where the user says nothing else.

    Raises:
        ValueError: they do not fit together.
    """
    own = {entry.name: getattr(config, entry.name) for entry in fields(config) if entry.name != "preset"}
    own = {name: value for name, value in own.items() if value != FROM_PRESET}
    return GrpoSettings(**{**PRESETS[config.preset], **own})


def options_with_presets(qualified: str, module: str) -> type:
    """The `Config` of a plugin: one option per setting, each by default the preset's.

    Args:
        qualified: The class's qualified name, by which it is found again when options are sent to another process.
        module: Where it stands.
    """
    hints = get_type_hints(GrpoSettings)
    options: list[tuple[str, Any, Any]] = [
        ("preset", Literal[tuple(PRESETS)], option("cpu", "the settings that hold where nothing else is said"))
    ]
    for entry in fields(GrpoSettings):
        meaning = f"{entry.metadata['meaning']} ({_in_presets(entry)})"
        options.append((entry.name, Literal["preset"] | hints[entry.name], option(FROM_PRESET, meaning)))
    made = make_dataclass("Config", options, frozen=True, namespace={"__post_init__": _check, "__doc__": "Options."})
    made.__qualname__, made.__module__ = qualified, module
    return made


def _check(self: Any) -> None:
    preset_settings(self)


def _in_presets(entry: Field[Any]) -> str:
    """The setting's value in each preset, or the one that all share."""
    values = {name: preset.get(entry.name, entry.default) for name, preset in PRESETS.items()}
    if len(set(map(str, values.values()))) == 1:
        return f"preset: {entry.default}"
    return "preset: " + ", ".join(f"{name} {value}" for name, value in values.items())
