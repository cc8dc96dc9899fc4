"""The trainer `dpo`: the model learns to prefer answers that led to better predicted ratings over other answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from duetbench.errors import TrainingError
from duetbench.interfaces import option
from duetbench.training.options import POLICY_OPTIONS, TrainerSettings
from duetbench.training.presets import DPO_PRESETS, PresetTrainer, options_with_presets, preset_settings

if TYPE_CHECKING:
    from duetbench.interfaces import TrainingJob
    from duetbench.training.loop.run import TrainingPlan, TrainingSession
    from duetbench.training.trl.adapter import TokenPair, TrainableModel, TrainingCallbacks
    from duetbench.training.trl.settings import LoopSettings
    from duetbench.types import ModelRef


@dataclass(frozen=True)
class DpoSettings(TrainerSettings):
    """All settings of direct preference optimisation."""

    learning_rate: float = option(1e-5, "AdamW's learning rate")
    beta: float = option(0.1, "weight of staying near the untrained model", gt=0)
    loss: Literal["sigmoid", "hinge", "ipo"] = option("sigmoid", "sigmoid is DPO's own")
    label_smoothing: float = option(0.0, "share of preferences that are taken to be wrong", ge=0, lt=0.5)
    pairs: int | None = option(
        None, "training examples that candidates are sampled for at most, a seeded sample; none: all", ge=1
    )
    candidates: int = option(10, "answers sampled per question and explorer", ge=1)
    temperature: float = option(1.0, "sampling temperature of the candidates", ge=0)
    top_p: float = option(1.0, "draw from the likeliest tokens that hold this share", gt=0, le=1)
    explorers: tuple[str, ...] = option((), "models that write the candidates; none: the model itself")
    judge: Literal["reward", "class"] = option(
        "reward",
        "reward: rewards of a pair lie at least margin apart; class: one hits the rating, the other does not",
    )
    margin: float = option(0.125, "least difference of rewards in a pair; 0.125 is half a star on 1 to 5", ge=0)
    pairing: Literal["all", "best_worst", "sampled"] = option("all", "which pairs of a question's candidates")
    max_pairs: int = option(8, "pairs of one question at most, the widest first", ge=1)
    epochs: float = option(1.0, "passes over the pairs", gt=0)
    batch: int = option(16, "pairs behind one update", ge=1)

    def __post_init__(self) -> None:
        """Refuses a question with a single candidate."""
        super().__post_init__()
        if self.candidates * max(len(self.explorers), 1) < 2:
            raise ValueError("candidates must be >= 2, over all explorers together")


class Dpo(PresetTrainer):
    """Direct preference optimisation of a strategy's last stage on pairs of sampled candidates, through TRL."""

    name = "dpo"
    summary = "direct preference optimisation on better and worse sampled answers"
    source = "LettinGo (KDD 2025): explore, judge, pair, align; DPO: Rafailov et al. 2023"
    settings_class = DpoSettings
    presets = DPO_PRESETS
    policy_options = POLICY_OPTIONS
    Config = options_with_presets("Dpo.Config", __name__, DpoSettings, DPO_PRESETS)  # type: ignore[assignment]

    def fit(self, job: TrainingJob) -> ModelRef:
        """See the base class."""
        from duetbench.training.loop.run import fit

        settings = preset_settings(self.config, DpoSettings, DPO_PRESETS)
        return fit(self, settings, job, lambda session: _course(session, settings))


def _course(session: TrainingSession, config: DpoSettings) -> TrainingPlan:
    from duetbench.training.batching import batches_in_order
    from duetbench.training.loop.monitor import StoppingRules
    from duetbench.training.loop.run import TrainingPlan

    pairs, facts = _pairs(session, config)
    updates = math.ceil(len(pairs) * config.epochs / config.batch)

    def run(learner: TrainableModel, loop: LoopSettings, events: TrainingCallbacks) -> None:
        from duetbench.training.trl.adapter import train_dpo
        from duetbench.training.trl.settings import DpoTerms

        lengths = [len(row.prompt) + max(len(row.chosen), len(row.rejected)) for row in pairs]
        order = batches_in_order(lengths, config.batch, updates, session.job.seed)
        rows = [pairs[place] for batch in order for place in batch]
        train_dpo(learner, rows, config, loop, events, DpoTerms(config.beta, config.loss, config.label_smoothing))

    limits = StoppingRules(config.patience, loss_factor=3.0, reward_drop=None)
    return TrainingPlan(updates, config.batch, run, facts, limits)


def _pairs(session: TrainingSession, config: DpoSettings) -> tuple[list[TokenPair], dict[str, Any]]:
    """The pairs of all questions, and the counts.

    Raises:
        TrainingError: no question has one: its candidates are all good, all bad, or all the same.
    """
    from duetbench.training.offline.candidates import CandidateSpec, sample_candidates
    from duetbench.training.offline.preferences import PairingRule, preference_pairs
    from duetbench.training.offline.tokenization import TargetTokenizer
    from duetbench.training.trl.adapter import TokenPair

    how = CandidateSpec(config.candidates, config.temperature, config.top_p, config.explorers, config.pairs)
    explored = sample_candidates(session, how)
    tokens = TargetTokenizer(session.policy, explored.stage.stop, explored.stage.max_tokens)
    pairing = PairingRule(config.judge, config.pairing, config.margin, config.max_pairs)
    rng = Random(session.job.seed)
    found: list[TokenPair] = []
    n_flat = 0
    for question in explored.questions:
        pairs = preference_pairs(question.candidates, question.truth, pairing, rng)
        n_flat += not pairs
        for better, worse in pairs:
            row = tokens.row(question.prompt, question.candidates[better].text, question.candidates[worse].text)
            found += [TokenPair(*row)] if row else []
    if not found:
        raise TrainingError("no question has a better and a worse candidate; lower dpo.margin, or sample more")
    return found, {**explored.facts, "no_pair": n_flat, "too_long": tokens.too_long, "pairs": len(found)}
