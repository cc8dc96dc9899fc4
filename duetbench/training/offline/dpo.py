"""The trainer `dpo`: the model learns to prefer completions that led to better predicted ratings."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

from duetbench.errors import TrainingError
from duetbench.training.offline.settings import DpoSettings
from duetbench.training.presets import DPO_PRESETS, PresetTrainer, preset_settings

if TYPE_CHECKING:
    from duetbench.interfaces import TrainingJob
    from duetbench.training.loop.run import TrainingPlan, TrainingSession
    from duetbench.training.trl.adapter import TokenPair, TrainableModel, TrainingCallbacks
    from duetbench.training.trl.settings import LoopSettings
    from duetbench.types import ModelRef


class Dpo(PresetTrainer):
    """Direct preference optimization of a strategy's last stage on pairs of sampled candidates, through TRL."""

    name = "dpo"
    summary = "direct preference optimization on pairs of better and worse sampled completions"
    source = "LettinGo (KDD 2025): explore, judge, pair, align; DPO: Rafailov et al. 2023"
    settings_class = DpoSettings
    presets = DPO_PRESETS

    def fit(self, job: TrainingJob) -> ModelRef:
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, DpoSettings, DPO_PRESETS)
        return fit(self, settings, job, lambda session: _plan(session, settings))

    def further_models(self) -> tuple[str, ...]:
        """The explorers."""
        return preset_settings(self.config, DpoSettings, DPO_PRESETS).explorers


def _plan(session: TrainingSession, settings: DpoSettings) -> TrainingPlan:
    from duetbench.training.batching import batches_in_order
    from duetbench.training.loop.monitor import StoppingRules
    from duetbench.training.loop.run import TrainingPlan

    pairs, facts = _pairs(session, settings)
    updates = math.ceil(len(pairs) * settings.epochs / settings.batch)

    def run(model: TrainableModel, loop: LoopSettings, callbacks: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_dpo
        from duetbench.training.trl.settings import DpoTerms

        lengths = [len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)) for pair in pairs]
        batches = batches_in_order(lengths, settings.batch, updates, session.job.seed)
        rows = [pairs[row] for batch in batches for row in batch]
        terms = DpoTerms(settings.beta, settings.loss_type, settings.label_smoothing)
        train_dpo(model, rows, settings, loop, callbacks, terms)

    stopping = StoppingRules(settings.patience, loss_factor=3.0, reward_drop=None)
    return TrainingPlan(updates, settings.batch, run, facts, stopping)


def _pairs(session: TrainingSession, settings: DpoSettings) -> tuple[list[TokenPair], dict[str, Any]]:
    """The pairs of all prompts, and the counts.

    Raises:
        TrainingError: no prompt has a pair: its candidates are all good, all bad, or all the same.
    """
    from duetbench.training.offline.candidates import CandidateSpec, sample_candidates
    from duetbench.training.offline.preferences import PairingRule, preference_pairs
    from duetbench.training.offline.tokenization import TargetTokenizer
    from duetbench.training.trl.adapter import TokenPair

    spec = CandidateSpec(
        settings.candidates, settings.temperature, settings.top_p, settings.explorers, settings.pairs, own=True
    )
    sampled = sample_candidates(session, spec)
    tokenizer = TargetTokenizer(session.policy, sampled.stage.stop, sampled.stage.max_tokens)
    rule = PairingRule(settings.judge, settings.pairing, settings.margin, settings.max_pairs)
    rng, domain = Random(session.job.seed), session.job.train[0].request.domain
    token_pairs: list[TokenPair] = []
    n_without = 0
    for prompt in sampled.prompts:
        pairs = preference_pairs(prompt.candidates, prompt.truth, rule, rng, domain=domain)
        n_without += not pairs
        for better, worse in pairs:
            row = tokenizer.row(prompt.prompt, prompt.candidates[better].text, prompt.candidates[worse].text)
            token_pairs += [TokenPair(*row)] if row else []
    if not token_pairs:
        hint = "lower dpo.margin " if settings.judge == "reward" else ""
        raise TrainingError(f"no prompt has a better and a worse candidate; {hint}or raise dpo.candidates")
    return token_pairs, {
        **sampled.facts,
        "no_pair": n_without,
        "too_long": tokenizer.too_long,
        "pairs": len(token_pairs),
    }
