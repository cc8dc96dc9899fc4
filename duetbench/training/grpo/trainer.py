"""The trainer `grpo`: the profile writer learns from the recommender's feedback."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from duetbench.errors import TrainingError
from duetbench.training.options import POLICY_OPTIONS
from duetbench.training.presets import PRESETS, GrpoSettings, PresetTrainer, options_with_presets, preset_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.interfaces import Stage, TrainingJob
    from duetbench.training.grpo.generation import GenerationSpec
    from duetbench.training.loop.run import TrainingPlan, TrainingSession
    from duetbench.training.questions import CreditMode, TrainingQuestion
    from duetbench.training.rewarding import CompletionGrader
    from duetbench.training.trl.adapter import TrainableModel, TrainingCallbacks
    from duetbench.training.trl.settings import GrpoTerms, LoopSettings
    from duetbench.types import ModelRef


class Grpo(PresetTrainer):
    """Group-relative policy optimisation of a strategy's last stage, through TRL."""

    name = "grpo"
    summary = "reinforcement learning: completions that lead to better predicted ratings become likelier"
    source = "DUET, section 3.4; GRPO: Shao et al. 2024 (DeepSeekMath)"
    settings_class = GrpoSettings
    presets = PRESETS
    policy_options = POLICY_OPTIONS
    Config = options_with_presets("Grpo.Config", __name__, GrpoSettings, PRESETS)  # type: ignore[assignment]

    def fit(self, job: TrainingJob) -> ModelRef:
        """See the base class."""
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, GrpoSettings, PRESETS)
        return fit(self, settings, job, lambda session: _course(session, settings))


def _course(session: TrainingSession, settings: GrpoSettings) -> TrainingPlan:
    """Questions, credit and order of a training; see `lifecycle.Course`."""
    from duetbench.training.grpo.generation import GenerationSpec
    from duetbench.training.grpo.rollout import RolloutSampler
    from duetbench.training.loop.monitor import StoppingRules
    from duetbench.training.loop.run import TrainingPlan
    from duetbench.training.questions import encode_questions, resolve_credit_mode, trained_stage, training_questions
    from duetbench.training.rewarding import CompletionGrader, RewardRules

    job, stage = session.job, trained_stage(session.job.strategy)
    asked = training_questions(job.strategy, job.train, job.engine)
    mode = resolve_credit_mode(settings.credit, asked.units, job.strategy)
    max_tokens = longest_completion(settings, stage)
    units, fitted = encode_questions(session.policy, asked.units, max_tokens)
    pen = GenerationSpec(settings.samples, settings.temperature, max_tokens, stage.stop, settings.token_budget)
    credit = RewardRules(settings.partners, settings.unreadable_reward, settings.unscored_reward)
    grader = CompletionGrader(stage, job.scorer, session.frozen, job.rewards, credit)
    kept = _worth_asking(session, settings, units, fitted, grader, pen)
    rounds = RolloutSampler(session.policy, stage, units, fitted, grader=grader, pen=pen, seed=job.seed)
    terms = terms_of(settings, mode, max_tokens)
    facts = {
        "examples": len(job.train),
        "unasked": asked.unasked,
        "too_long": len(asked.units) - len(units),
        "tied_in_pilot": len(units) - len(kept),
        "pairs": len(kept),
        "credit": mode,
    }

    def run(learner: TrainableModel, loop: LoopSettings, events: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_grpo

        keys = keys_in_order(kept, fitted, mode, settings, job.seed)
        train_grpo(learner, keys, settings, loop, events, terms, rounds)

    updates = settings.rounds * settings.updates_per_round * settings.iterations
    limits = StoppingRules(settings.patience, loss_factor=None, reward_drop=0.5)
    per_update = terms.per_round // settings.updates_per_round
    resolved = {"credit": mode, "max_completion": max_tokens}
    return TrainingPlan(updates, per_update, run, facts, limits, rounds.report, settings=resolved)


def longest_completion(settings: GrpoSettings, stage: Stage) -> int:
    """How many tokens a completion may have."""
    return min(settings.max_completion or stage.max_tokens, stage.max_tokens)


def keys_in_order(
    kept: Sequence[int],
    fitted: dict[tuple[int, int], TruncatedPrompt],
    mode: CreditMode,
    settings: GrpoSettings,
    seed: int,
) -> list[str]:
    """The prompts of all rounds in order; those of one round are of similar length."""
    from duetbench.training.batching import batches_in_order
    from duetbench.training.grpo.rollout import rollout_keys

    longest: dict[int, int] = {}
    for (unit, _), found in fitted.items():
        longest[unit] = max(longest.get(unit, 0), len(found.ids))
    lengths = [longest[unit] for unit in kept]
    batches = batches_in_order(lengths, settings.pairs_per_round, settings.rounds, seed)
    return [
        key
        for n_round, batch in enumerate(batches)
        for key in rollout_keys([kept[place] for place in batch], mode, n_round, settings.alternate_every)
    ]


def terms_of(settings: GrpoSettings, mode: CreditMode, max_tokens: int) -> GrpoTerms:
    """What defines the objective, for TRL."""
    from duetbench.training.trl.settings import GrpoTerms

    return GrpoTerms(
        samples=settings.samples,
        per_round=settings.pairs_per_round * settings.samples * (2 if mode == "cross" else 1),
        iterations=settings.iterations,
        temperature=settings.temperature,
        max_completion=max_tokens,
        kl=settings.kl,
        clip_low=settings.clip_low,
        clip_high=settings.clip_high,
        loss=settings.loss,
        scale=settings.scale,
        mask_truncated=settings.mask_truncated,
    )


def _worth_asking(
    session: TrainingSession,
    settings: GrpoSettings,
    units: Sequence[TrainingQuestion],
    fitted: dict[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    pen: GenerationSpec,
) -> list[int]:
    """Positions of the units to train on: all, or those whose rewards lie apart in a first look."""
    from duetbench.training.grpo.prefilter import reward_ranges

    if not settings.pilot:
        return list(range(len(units)))
    session.print_line(f"looking at {len(units)} pairs, {settings.pilot} samples each")
    first = replace(pen, samples=settings.pilot)
    spreads = reward_ranges(session, units, fitted, grader, first)
    kept = [place for place, found in enumerate(spreads) if found > settings.pilot_spread]
    if not kept:
        raise TrainingError(
            "the rewards of all pairs tie in the pilot: there is nothing to learn; set grpo.pilot=0 to try"
        )
    return kept
