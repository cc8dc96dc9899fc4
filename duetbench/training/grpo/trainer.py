"""The trainer `grpo`: trains the profile writer on the recommender's feedback."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from duetbench.errors import TrainingError
from duetbench.training.grpo.settings import GrpoSettings
from duetbench.training.presets import (
    GRPO_PRESET_SOURCES,
    GRPO_PRESETS,
    PresetTrainer,
    explicit_values,
    preset_settings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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
    """Group relative policy optimization of a strategy's last stage, through TRL."""

    name = "grpo"
    summary = "reinforcement learning: completions that lead to better predicted ratings become more likely"
    source = "DUET, section 3.4; GRPO: Shao et al. 2024 (DeepSeekMath)"
    settings_class = GrpoSettings
    presets = GRPO_PRESETS
    preset_sources = GRPO_PRESET_SOURCES
    uses_monitor_scorer = True

    def fit(self, job: TrainingJob) -> ModelRef:
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, GrpoSettings, GRPO_PRESETS)
        explicit = explicit_values(self.config).keys()
        return fit(self, settings, job, lambda session: _plan(session, settings, explicit))


def _plan(session: TrainingSession, settings: GrpoSettings, explicit: Collection[str]) -> TrainingPlan:
    from duetbench.training.grpo.generation import GenerationSpec
    from duetbench.training.grpo.rollout import RolloutSampler
    from duetbench.training.loop.monitor import StoppingRules
    from duetbench.training.loop.run import TrainingPlan
    from duetbench.training.questions import encode_questions, resolve_credit_mode, trained_stage, training_questions
    from duetbench.training.rewarding import CompletionGrader, RewardRules

    job, stage = session.job, trained_stage(session.job.strategy)
    all_questions, n_skipped = training_questions(job.strategy, job.train, job.engine)
    mode = resolve_credit_mode(settings.credit, all_questions, job.strategy)
    if mode != "cross" and "partners" in explicit:
        raise TrainingError(f"grpo.partners has no effect: the prompts of {job.strategy.name} lead to credit={mode}")
    if "max_completion_length" in explicit and (settings.max_completion_length or 0) > stage.max_tokens:
        raise TrainingError(
            f"grpo.max_completion_length={settings.max_completion_length} has no effect: {job.strategy.name} writes at "
            f"most {stage.max_tokens} tokens; leave it out"
        )
    max_tokens = max_completion_length(settings, stage)
    questions, encoded = encode_questions(session.policy, all_questions, max_tokens)
    generation = GenerationSpec(
        settings.num_generations, settings.temperature, max_tokens, stage.stop, settings.token_budget
    )
    rules = RewardRules(settings.partners, settings.unreadable_reward, settings.unscored_reward)
    grader = CompletionGrader(stage, job.scorer, session.scorer_engine, job.rewards, rules)
    positions = _prefiltered(session, settings, questions, encoded, grader, generation)
    source = RolloutSampler(
        session.policy,
        stage,
        questions,
        encoded,
        grader=grader,
        generation=generation,
        seed=job.seed,
        mask_truncated=settings.mask_truncated_completions,
    )
    terms = grpo_terms(settings, mode, max_tokens)
    rounds = rounds_of(settings, len(positions))
    facts = {
        "examples": len(job.train),
        "unasked": n_skipped,
        "too_long": len(all_questions) - len(questions),
        "tied_in_pilot": len(questions) - len(positions),
        "pairs": len(positions),
        "credit": mode,
    }

    def run(model: TrainableModel, loop: LoopSettings, callbacks: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_grpo
        from duetbench.training.trl.shared_pass import unshared_reason

        if reason := unshared_reason(model.model):
            session.print_line(f"each update reads a prompt once per completion, not once per group: {reason}")
        resolved["shared_prompts"] = not reason
        keys = keys_in_order(positions, encoded, mode, replace(settings, rounds=rounds), job.seed)
        train_grpo(model, keys, settings, loop, callbacks, terms, source)

    resolved: dict[str, Any] = {"credit": mode, "max_completion_length": max_tokens, "rounds": rounds}
    updates = rounds * settings.updates_per_round * settings.num_iterations
    stopping = StoppingRules(settings.patience, loss_factor=None, reward_drop=0.5)
    per_update = terms.completions_per_round // settings.updates_per_round
    return TrainingPlan(updates, per_update, run, facts, stopping, rules, source.report, settings=resolved)


def max_completion_length(settings: GrpoSettings, stage: Stage) -> int:
    """The maximum length of a completion in tokens: the setting's, at most the stage's."""
    return min(settings.max_completion_length or stage.max_tokens, stage.max_tokens)


def rounds_of(settings: GrpoSettings, n_pairs: int) -> int:
    """The number of rounds: the setting's, or as many as all epochs fill, each without its incomplete last round.

    Args:
        settings: With `rounds` or `epochs`.
        n_pairs: Training examples.

    Raises:
        TrainingError: the examples do not fill a single round.
    """
    if settings.epochs is None:
        return settings.rounds
    per_epoch = n_pairs // settings.pairs_per_round
    if not per_epoch:
        raise TrainingError(
            f"grpo.epochs={settings.epochs}: {n_pairs} training examples do not fill a round of "
            f"{settings.pairs_per_round}; lower grpo.pairs_per_round"
        )
    return settings.epochs * per_epoch


def keys_in_order(
    positions: Sequence[int],
    encoded: Mapping[tuple[int, int], TruncatedPrompt],
    mode: CreditMode,
    settings: GrpoSettings,
    seed: int,
) -> list[str]:
    """The prompts of all rounds in order; those of one round are of similar length."""
    from duetbench.training.batching import batches_in_order
    from duetbench.training.grpo.rollout import rollout_keys

    longest: dict[int, int] = {}
    for (question, _), tokens in encoded.items():
        longest[question] = max(longest.get(question, 0), len(tokens.ids))
    lengths = [longest[question] for question in positions]
    batches = batches_in_order(
        lengths, settings.pairs_per_round, settings.rounds, seed, drop_last=settings.epochs is not None
    )
    return [
        key
        for n_round, batch in enumerate(batches)
        for key in rollout_keys([positions[row] for row in batch], mode, n_round, settings.alternate_every)
    ]


def grpo_terms(settings: GrpoSettings, mode: CreditMode, max_tokens: int) -> GrpoTerms:
    """The terms of the objective, for TRL."""
    from duetbench.training.trl.settings import GrpoTerms

    return GrpoTerms(
        num_generations=settings.num_generations,
        completions_per_round=settings.pairs_per_round * settings.num_generations * (2 if mode == "cross" else 1),
        num_iterations=settings.num_iterations,
        temperature=settings.temperature,
        max_completion_length=max_tokens,
        beta=settings.beta,
        epsilon=settings.epsilon,
        epsilon_high=settings.epsilon_high,
        loss_type=settings.loss_type,
        advantage=settings.advantage,
        delta=settings.delta,
        loss_batch_size=settings.loss_batch_size,
    )


def _prefiltered(
    session: TrainingSession,
    settings: GrpoSettings,
    questions: Sequence[TrainingQuestion],
    encoded: Mapping[tuple[int, int], TruncatedPrompt],
    grader: CompletionGrader,
    generation: GenerationSpec,
) -> list[int]:
    """Positions of the questions to train on: all, or those whose rewards differ in the prefilter."""
    from duetbench.training.grpo.prefilter import reward_ranges

    if not settings.prefilter_samples:
        return list(range(len(questions)))
    session.print_line(f"prefilter: {len(questions)} pairs with {settings.prefilter_samples} samples each")
    prefilter_generation = replace(generation, num_generations=settings.prefilter_samples)
    ranges = reward_ranges(session, questions, encoded, grader, prefilter_generation)
    positions = [position for position, spread in enumerate(ranges) if spread > settings.prefilter_range]
    if not positions:
        raise TrainingError(
            "the prefilter left no training example: the rewards of each are all equal; change the rewards or set "
            "grpo.prefilter_samples=0"
        )
    return positions
