"""Measures a toy model on new pairs."""

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
from duetbench.toy.other_strategies import careful_profiles
from duetbench.toy.styles import ItemFacts, UserFacts, item_text, user_text
from duetbench.types import Profile, Profiles, Sampling

_MAX_TOKENS = 160
STRATEGIES: Mapping[str, Strategy] = {
    "kar": Kar(Kar.Config(prompt_set="compact", max_tokens=_MAX_TOKENS)),
    "lg": LettinGo(LettinGo.Config(prompt_set="compact", max_tokens=_MAX_TOKENS)),
    "palr": Palr(Palr.Config(prompt_set="compact", max_tokens=_MAX_TOKENS)),
    "r4rec": Reason4Rec(Reason4Rec.Config(prompt_set="compact", max_tokens=_MAX_TOKENS)),
    "rlmrec": RlmRec(RlmRec.Config(prompt_set="compact", max_tokens=_MAX_TOKENS)),
}
"""The strategies other than DUET, with the options for small models."""
HISTORY_LENGTH = 10
"""Interactions in the histories of the measured pairs: the default window of writers and scorers."""


@dataclass(frozen=True, slots=True)
class StrategyMeasurement:
    """Readability and MAE of one strategy; the MAE is computed as in `Measurements.mae_written_10`."""

    readable: float
    """Share of requests with readable profiles at temperature 0."""
    readable_sampled: float
    """The same at temperature 1."""
    mae_written: float | None
    """With the profiles that the model writes at temperature 0."""
    mae_careful: float | None
    """With the profiles of an informative answer to the same prompt: what training could reach."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """MAE of expected ratings and shares of readable answers; the suffix `_k` is the scorer's `history_k`."""

    pairs: int
    mae_global_mean: float
    mae_true_0: float | None
    """With profiles that state the true tastes and attributes; None if there is no prediction."""
    mae_true_10: float | None
    mae_written_0: float | None
    """With the readable profiles that the model writes at temperature 0; None if there are none."""
    mae_written_10: float | None
    mae_sampled_0: float | None
    """The same at temperature 1."""
    mae_sampled_10: float | None
    mae_none_10: float | None
    """Without profiles, from the history alone."""
    readable: float
    """Share of readable DUET answers at temperature 0."""
    readable_sampled: float
    """The same at temperature 1."""
    telling_user: float
    """Share of user profiles at temperature 1 that state the tastes."""
    telling_item: float
    """Share of item profiles at temperature 1 that state the quality."""
    others: Mapping[str, StrategyMeasurement]
    """By name of the strategy."""

    def faults(self) -> list[str]:
        """The conditions on a toy model that do not hold."""
        checks = {
            "readable at temperature 0 in 95 % of answers": self.readable >= 0.95,
            "readable at temperature 1 in 95 % of answers": self.readable_sampled >= 0.95,
        }
        for k, true, written in ((0, self.mae_true_0, self.mae_written_0), (10, self.mae_true_10, self.mae_written_10)):
            uses_profiles = true is not None and true <= 0.5 * self.mae_global_mean
            can_improve = true is not None and written is not None and written >= 1.3 * true
            checks[f"MAE with true profiles <= 50 % of the global mean's (history_k {k})"] = uses_profiles
            checks[f"MAE with written profiles >= 130 % of that with true ones (history_k {k})"] = can_improve
        for name, measurement in self.others.items():
            checks[f"{name} readable at temperature 0 in 95 % of requests"] = measurement.readable >= 0.95
        return [name for name, holds in checks.items() if not holds]

    def as_dict(self) -> dict[str, Any]:
        """The measurements as JSON values."""
        return asdict(self)


def measure(engine: Engine, *, pairs: int = 300, seed: int = 0) -> Measurements:
    """Measures a model on new pairs whose histories have `HISTORY_LENGTH` interactions.

    Args:
        engine: Runs the model.
        pairs: Number of pairs; the standard error of an MAE is about 0.9 / sqrt(pairs).
        seed: Seed of pairs and samples; the random numbers differ from those of any build.
    """
    random = Random(f"toy measure {seed}")
    new_pairs = [make_pair(random, user_lines=HISTORY_LENGTH, item_lines=HISTORY_LENGTH) for _ in range(pairs)]
    mean = fmean(make_pair(random, user_lines=0, item_lines=0).example.rating for _ in range(5000))
    greedy = write_duet_profiles(engine, new_pairs, temperature=0.0, seed=seed)
    sampled = write_duet_profiles(engine, new_pairs, temperature=1.0, seed=seed)

    def mae(profiles: Sequence[Profiles], k: int) -> float | None:
        return mae_with(engine, new_pairs, profiles, history_k=k)

    true = [true_profiles(pair) for pair in new_pairs]
    return Measurements(
        pairs=pairs,
        mae_global_mean=fmean(abs(pair.example.rating - mean) for pair in new_pairs),
        mae_true_0=mae(true, 0),
        mae_true_10=mae(true, 10),
        mae_written_0=mae(greedy, 0),
        mae_written_10=mae(greedy, 10),
        mae_sampled_0=mae(sampled, 0),
        mae_sampled_10=mae(sampled, 10),
        mae_none_10=mae([Profiles()] * pairs, 10),
        readable=_readable_share(greedy),
        readable_sampled=_readable_share(sampled),
        telling_user=fmean("Likes" in _text(profiles.user) for profiles in sampled),
        telling_item=fmean("sound" in _text(profiles.item) for profiles in sampled),
        others={name: _measure_strategy(engine, name, new_pairs, seed) for name in STRATEGIES},
    )


def _measure_strategy(engine: Engine, name: str, pairs: Sequence[ToyPair], seed: int) -> StrategyMeasurement:
    requests = [pair.request for pair in pairs]
    greedy, sampled = (
        write_profiles(STRATEGIES[name], requests, engine, Sampling(temperature=temperature, seed=seed)).profiles
        for temperature in (0.0, 1.0)
    )
    informative = [careful_profiles(name, pair) for pair in pairs]
    return StrategyMeasurement(
        readable=_readable_share(greedy),
        readable_sampled=_readable_share(sampled),
        mae_written=mae_with(engine, pairs, greedy, history_k=HISTORY_LENGTH),
        mae_careful=mae_with(engine, pairs, informative, history_k=HISTORY_LENGTH),
    )


def true_profiles(pair: ToyPair) -> Profiles:
    """Profiles that state the latent attributes of the pair."""
    random = Random(0)  # these styles use no random numbers
    user = user_text(random, "taste and temper", UserFacts(pair.user.liked, pair.user.disliked, pair.user.leniency))
    item = item_text(random, "genre and sound", ItemFacts(pair.item.genre, pair.item.quality))
    return Profiles(Profile("user", user), Profile("item", item))


def write_duet_profiles(engine: Engine, pairs: Sequence[ToyPair], *, temperature: float, seed: int) -> list[Profiles]:
    """The profiles that the model writes with DUET, one completion per pair."""
    strategy = Duet(Duet.Config(prompt_set="compact", max_tokens=_MAX_TOKENS))
    sampling = Sampling(temperature=temperature, seed=seed)
    return write_profiles(strategy, [pair.request for pair in pairs], engine, sampling).profiles


def mae_with(engine: Engine, pairs: Sequence[ToyPair], profiles: Sequence[Profiles], *, history_k: int) -> float | None:
    """MAE of the expected ratings over the pairs without failed profiles; None if there is no prediction."""
    scorer = RatingExpectation(RatingExpectation.Config(prompt_set="compact", history_k=history_k))
    scored = [(pair, written) for pair, written in zip(pairs, profiles, strict=True) if written.failed is None]
    predictions = scorer.score([pair.request for pair, _ in scored], [written for _, written in scored], engine)
    errors = [
        abs(pair.example.rating - prediction.value)
        for (pair, _), prediction in zip(scored, predictions, strict=True)
        if prediction.value is not None
    ]
    return fmean(errors) if errors else None


def _readable_share(profiles: Sequence[Profiles]) -> float:
    return fmean(written.failed is None for written in profiles)


def _text(profile: Profile | None) -> str:
    return profile.text if profile else ""
