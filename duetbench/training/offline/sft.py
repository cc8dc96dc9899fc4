"""The trainer `sft`: the model learns to write the best of several completions, its own or a teacher's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duetbench.errors import TrainingError
from duetbench.training.offline.settings import SftSettings
from duetbench.training.presets import SFT_PRESETS, PresetTrainer, preset_settings

if TYPE_CHECKING:
    from duetbench.interfaces import TrainingJob
    from duetbench.training.loop.run import TrainingPlan, TrainingSession
    from duetbench.training.trl.adapter import TokenRow
    from duetbench.types import ModelRef, TrainedModels


class Sft(PresetTrainer):
    """Supervised fine-tuning of a strategy's last stage on the best of n candidates, through TRL."""

    name = "sft"
    runs_training_stages = True
    summary = "supervised fine-tuning on the best of n sampled completions"
    settings_class = SftSettings
    uses_token_budget = True
    presets = SFT_PRESETS

    def fit(self, job: TrainingJob) -> ModelRef | TrainedModels:
        """The trained model; if the strategy defines training stages, the models of those."""
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, SftSettings, SFT_PRESETS)
        if job.strategy.training_stages() and job.token_budget is None:  # a budget is for the best of own samples
            from duetbench.training.offline.distillation import distill

            return distill(self, settings, job)
        return fit(self, settings, job, lambda session: _plan(session, settings))

    def further_models(self) -> tuple[str, ...]:
        """The teachers."""
        return preset_settings(self.config, SftSettings, SFT_PRESETS).teachers


def _plan(session: TrainingSession, settings: SftSettings) -> TrainingPlan:
    from duetbench.training.offline.supervised import supervised_plan

    targets, facts = _targets(session, settings)
    return supervised_plan(targets, facts, settings, session.job.seed)


def _targets(session: TrainingSession, settings: SftSettings) -> tuple[list[TokenRow], dict[str, Any]]:
    """One target per prompt that has a good enough candidate, and the counts.

    Raises:
        TrainingError: no prompt has one.
    """
    from duetbench.training.offline.candidates import CandidateSpec, sample_candidates
    from duetbench.training.offline.preferences import best_candidate
    from duetbench.training.offline.tokenization import TargetTokenizer
    from duetbench.training.trl.adapter import TokenRow

    spec = CandidateSpec(settings.candidates, settings.temperature, settings.top_p, settings.teachers, settings.pairs)
    sampled = sample_candidates(session, spec)
    tokenizer = TargetTokenizer(session.policy, sampled.stage.stop, sampled.stage.max_tokens)
    targets: list[TokenRow] = []
    n_bad = 0
    for prompt in sampled.prompts:
        best = best_candidate(prompt.candidates, least=settings.least_reward, gain=settings.least_gain)
        row = tokenizer.row(prompt.prompt, prompt.candidates[best].text) if best is not None else None
        n_bad += best is None
        targets += [TokenRow(*row)] if row else []
    if not targets:
        raise TrainingError(
            "no candidate is readable and good enough to become a target; lower sft.least_reward or sft.least_gain"
        )
    counts = {"no_good_candidate": n_bad, "too_long": tokenizer.too_long, "targets": len(targets)}
    return targets, {**sampled.facts, **counts}
