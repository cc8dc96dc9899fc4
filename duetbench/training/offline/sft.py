"""The trainer `sft`: the model learns to write what turned out best among its own, or a teacher's, attempts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from duetbench.errors import TrainingError
from duetbench.interfaces import option
from duetbench.training.options import POLICY_OPTIONS, TrainerSettings
from duetbench.training.presets import SFT_PRESETS, PresetTrainer, options_with_presets, preset_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duetbench.interfaces import TrainingJob
    from duetbench.training.loop.run import TrainingPlan, TrainingSession
    from duetbench.training.offline.candidates import CandidateSpec
    from duetbench.training.trl.adapter import TokenRow, TrainableModel, TrainingCallbacks
    from duetbench.training.trl.settings import LoopSettings
    from duetbench.types import ModelRef, TrainedModels


@dataclass(frozen=True)
class SftSettings(TrainerSettings):
    """All settings of supervised fine-tuning."""

    pairs: int | None = option(
        None, "training examples that candidates are sampled for at most, a seeded sample; none: all", ge=1
    )
    candidates: int = option(8, "answers sampled per question, of which the best is learned from", ge=1)
    temperature: float = option(1.0, "sampling temperature of the candidates", ge=0)
    top_p: float = option(1.0, "draw from the likeliest tokens that hold this share", gt=0, le=1)
    least_reward: float | None = option(None, "questions whose best candidate earned less are left out; none: none is")
    least_gain: float = option(
        0.0, "questions whose best candidate earned no more than this above their candidates' mean are left out"
    )
    teachers: tuple[str, ...] = option((), "models that write the candidates; none: the model itself")
    epochs: float = option(3.0, "passes over the targets", gt=0)
    batch: int = option(16, "targets behind one update", ge=1)
    targets: int | None = option(None, "targets that are learned from at most, a seeded sample; none: all", ge=1)
    lessons: Literal["published", "own"] = option(
        "published",
        "of a strategy with several trainings. published: each has the settings that its paper prints; own: these here",
    )


class Sft(PresetTrainer):
    """Supervised fine-tuning of a strategy's last stage on the best of n candidates, through TRL."""

    name = "sft"
    summary = "supervised fine-tuning on the best of n sampled answers"
    settings_class = SftSettings
    presets = SFT_PRESETS
    policy_options = POLICY_OPTIONS
    Config = options_with_presets("Sft.Config", __name__, SftSettings, SFT_PRESETS)  # type: ignore[assignment]

    def fit(self, job: TrainingJob) -> ModelRef | TrainedModels:
        """See the base class. A strategy with lessons of its own is given those."""
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, SftSettings, SFT_PRESETS)
        if job.strategy.training_stages():
            from duetbench.training.offline.distillation import distill

            return distill(self, settings, job)
        return fit(self, settings, job, lambda session: _course(session, settings))


def _course(session: TrainingSession, config: SftSettings) -> TrainingPlan:
    from duetbench.training.offline.candidates import CandidateSpec

    how = CandidateSpec(config.candidates, config.temperature, config.top_p, config.teachers, config.pairs)
    targets, facts = _targets(session, how, config)
    return training_plan(targets, facts, config, session.job.seed)


def training_plan(
    targets: Sequence[TokenRow], facts: Mapping[str, Any], config: SftSettings, seed: int
) -> TrainingPlan:
    """A training on these targets."""
    from duetbench.training.batching import batches_in_order
    from duetbench.training.loop.monitor import StoppingRules
    from duetbench.training.loop.run import TrainingPlan

    if config.targets is not None and config.targets < len(targets):
        places = sorted(Random(seed).sample(range(len(targets)), config.targets))
        targets = [targets[place] for place in places]
    facts = {**facts, "learned": len(targets)}
    updates = math.ceil(len(targets) * config.epochs / config.batch)

    def run(learner: TrainableModel, loop: LoopSettings, events: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_sft

        lengths = [len(row.prompt) + len(row.target) for row in targets]
        order = batches_in_order(lengths, config.batch, updates, seed)
        train_sft(learner, [targets[place] for batch in order for place in batch], config, loop, events)

    limits = StoppingRules(config.patience, loss_factor=3.0, reward_drop=None)
    return TrainingPlan(updates, config.batch, run, facts, limits)


def _targets(
    session: TrainingSession, how: CandidateSpec, config: SftSettings
) -> tuple[list[TokenRow], dict[str, Any]]:
    """One target per question that has a candidate worth learning from, and the counts.

    Raises:
        TrainingError: no question has one.
    """
    from duetbench.training.offline.candidates import sample_candidates
    from duetbench.training.offline.preferences import best_candidate
    from duetbench.training.offline.tokenization import TargetTokenizer
    from duetbench.training.trl.adapter import TokenRow

    explored = sample_candidates(session, how)
    tokens = TargetTokenizer(session.policy, explored.stage.stop, explored.stage.max_tokens)
    found: list[TokenRow] = []
    n_bad = 0
    for question in explored.questions:
        best = best_candidate(question.candidates, least=config.least_reward, gain=config.least_gain)
        row = tokens.row(question.prompt, question.candidates[best].text) if best is not None else None
        n_bad += best is None
        found += [TokenRow(*row)] if row else []
    if not found:
        raise TrainingError("no candidate is readable and good enough to learn from; lower sft.least_reward")
    return found, {**explored.facts, "no_good_candidate": n_bad, "too_long": tokens.too_long, "targets": len(found)}
