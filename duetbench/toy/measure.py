"""What a toy model can do, measured on pairs that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from statistics import fmean
from typing import Any

from duetbench.interfaces import Engine, Strategy
from duetbench.profiling import write_profiles
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.toy.corpus import ToyPair, make_pair
from duetbench.toy.others import careful_profiles
from duetbench.toy.styles import ItemFacts, UserFacts, item_text, user_text
from duetbench.types import Profile, Profiles, Sampling

_ANSWER_TOKENS = 160
STRATEGIES: Mapping[str, Strategy] = {
    "kar": Kar(Kar.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS)),
    "lg": LettinGo(LettinGo.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS)),
    "palr": Palr(Palr.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS)),
    "r4rec": Reason4Rec(Reason4Rec.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS)),
    "rlmrec": RlmRec(RlmRec.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS)),
}
"""All but DUET, as a run would use them with a small model."""
LINES = 10
"""How much history the measured users and items have: the default window of the writer and of the scorers."""


@dataclass(frozen=True, slots=True)
class StrategyMeasurement:
    """Another strategy's answers; errors are those of `Measurements.mae_written_10`."""

    readable: float
    """Share of requests at temperature 0 whose profiles can be read."""
    readable_sampled: float
    """The same at temperature 1."""
    mae_written: float | None
    mae_careful: float | None
    """With the profiles of a careful writer who is told the same: what training could reach."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """MAE of expected ratings and shares of readable answers; `_k` is the scorer's `history_k`."""

    pairs: int
    mae_global_mean: float
    mae_true_0: float | None
    """With the true tastes and attributes written out as profiles; None if no rating could be read."""
    mae_true_10: float | None
    mae_written_0: float | None
    """With the profiles that it writes at temperature 0, readable ones alone; None if none is."""
    mae_written_10: float | None
    mae_sampled_0: float | None
    """The same at temperature 1."""
    mae_sampled_10: float | None
    mae_none_10: float | None
    """With no profile: what the history alone tells the scorer."""
    readable: float
    """Share of DUET's answers at temperature 0 that can be read."""
    readable_sampled: float
    """The same at temperature 1."""
    telling_user: float
    """Share of user profiles at temperature 1 that tell the tastes."""
    telling_item: float
    """Share of item profiles at temperature 1 that tell the quality."""
    others: Mapping[str, StrategyMeasurement]
    """By the name of the strategy."""

    def faults(self) -> list[str]:
        """Which of the conditions on a toy model do not hold."""
        checks = {
            "readable at temperature 0 in 95 % of answers": self.readable >= 0.95,
            "readable at temperature 1 in 95 % of answers": self.readable_sampled >= 0.95,
        }
        for k, true, written in ((0, self.mae_true_0, self.mae_written_0), (10, self.mae_true_10, self.mae_written_10)):
            is_matched = true is not None and true <= 0.5 * self.mae_global_mean
            leaves_room = true is not None and written is not None and written >= 1.3 * true
            checks[f"true profiles at most half the global mean's MAE (history_k {k})"] = is_matched
            checks[f"written profiles at least 30 % above true ones (history_k {k})"] = leaves_room
        for name, found in self.others.items():
            checks[f"{name} readable at temperature 0 in 95 % of requests"] = found.readable >= 0.95
        return [name for name, holds in checks.items() if not holds]

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def measure(engine: Engine, *, pairs: int = 300, seed: int = 0) -> Measurements:
    """Measures on fresh pairs whose histories have `LINES` lines, as a run would do it.

    Args:
        engine: Runs the model.
        pairs: How many; the standard error of an MAE is about 0.9 over its root.
        seed: Draws pairs and samples; builds draw theirs from other names, so nothing here was learnt.
    """
    random = Random(f"toy measure {seed}")
    drawn = [make_pair(random, user_lines=LINES, item_lines=LINES) for _ in range(pairs)]
    mean = fmean(make_pair(random, user_lines=0, item_lines=0).example.rating for _ in range(5000))
    greedy = write(engine, drawn, temperature=0.0, seed=seed)
    sampled = write(engine, drawn, temperature=1.0, seed=seed)

    def mae(profiles: Sequence[Profiles], k: int) -> float | None:
        return mae_with(engine, drawn, profiles, history_k=k)

    true = [true_profiles(pair) for pair in drawn]
    return Measurements(
        pairs=pairs,
        mae_global_mean=fmean(abs(pair.example.rating - mean) for pair in drawn),
        mae_true_0=mae(true, 0),
        mae_true_10=mae(true, 10),
        mae_written_0=mae(greedy, 0),
        mae_written_10=mae(greedy, 10),
        mae_sampled_0=mae(sampled, 0),
        mae_sampled_10=mae(sampled, 10),
        mae_none_10=mae([Profiles()] * pairs, 10),
        readable=fmean(one.failed is None for one in greedy),
        readable_sampled=fmean(one.failed is None for one in sampled),
        telling_user=fmean("Likes" in _text(one.user) for one in sampled),
        telling_item=fmean("sound" in _text(one.item) for one in sampled),
        others={name: _measure_other(engine, name, drawn, seed) for name in STRATEGIES},
    )


def _measure_other(engine: Engine, name: str, drawn: Sequence[ToyPair], seed: int) -> StrategyMeasurement:
    strategy = STRATEGIES[name]
    requests = [pair.request for pair in drawn]
    greedy, sampled = (
        write_profiles(strategy, requests, engine, Sampling(temperature=heat, seed=seed)).profiles
        for heat in (0.0, 1.0)
    )
    return StrategyMeasurement(
        readable=fmean(one.failed is None for one in greedy),
        readable_sampled=fmean(one.failed is None for one in sampled),
        mae_written=mae_with(engine, drawn, greedy, history_k=LINES),
        mae_careful=mae_with(engine, drawn, [careful_profiles(name, pair) for pair in drawn], history_k=LINES),
    )


def true_profiles(pair: ToyPair) -> Profiles:
    """What nobody sees, written out."""
    random = Random(0)  # these styles draw nothing
    user = user_text(random, "taste and temper", UserFacts(pair.user.liked, pair.user.disliked, pair.user.leniency))
    item = item_text(random, "genre and sound", ItemFacts(pair.item.genre, pair.item.quality))
    return Profiles(Profile("user", user), Profile("item", item))


def write(engine: Engine, pairs: Sequence[ToyPair], *, temperature: float, seed: int) -> list[Profiles]:
    """The profiles of DUET's paired answers; `failed` where an answer cannot be read."""
    strategy = Duet(Duet.Config(prompt_set="compact", max_tokens=_ANSWER_TOKENS))
    sampling = Sampling(temperature=temperature, seed=seed)
    return write_profiles(strategy, [pair.request for pair in pairs], engine, sampling).profiles


def mae_with(engine: Engine, pairs: Sequence[ToyPair], profiles: Sequence[Profiles], *, history_k: int) -> float | None:
    """MAE of the expected ratings over the pairs that have profiles; None if none has."""
    scorer = RatingExpectation(RatingExpectation.Config(prompt_set="compact", history_k=history_k))
    asked = [(pair, one) for pair, one in zip(pairs, profiles, strict=True) if one.failed is None]
    predictions = scorer.score([pair.request for pair, _ in asked], [one for _, one in asked], engine)
    errors = [
        abs(pair.example.rating - prediction.value)
        for (pair, _), prediction in zip(asked, predictions, strict=True)
        if prediction.value is not None
    ]
    return fmean(errors) if errors else None


def _text(profile: Profile | None) -> str:
    return profile.text if profile else ""
