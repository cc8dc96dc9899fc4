"""Measures a toy model on new pairs: the conditions on a build, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from statistics import fmean, stdev
from typing import Any

from duetbench.errors import ModelError
from duetbench.interfaces import Engine, Strategy
from duetbench.profiling import write_profiles
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.toy.corpus import SCORER_WINDOW, WRITER_WINDOW, ToyPair, make_pair
from duetbench.toy.inference import item_belief, predict, user_belief
from duetbench.toy.other_strategies import REVIEW_WINDOW, careful_profiles
from duetbench.toy.world import DOMAIN, rating_distribution_of
from duetbench.types import Interaction, Prediction, Profiles, Request, Sampling

_MAX_TOKENS = 160
_WRITER: Mapping[str, Any] = {"prompt_set": "compact", "max_tokens": _MAX_TOKENS}
STRATEGIES: Mapping[str, Strategy] = {
    "duet": Duet(Duet.Config(history_k=WRITER_WINDOW, **_WRITER)),
    "kar": Kar(Kar.Config(history_k=WRITER_WINDOW, **_WRITER)),
    "lg": LettinGo(LettinGo.Config(history_k=WRITER_WINDOW, recent_k=0, **_WRITER)),
    "palr": Palr(Palr.Config(history_k=WRITER_WINDOW, **_WRITER)),
    "r4rec": Reason4Rec(Reason4Rec.Config(history_k=REVIEW_WINDOW, **_WRITER)),
    "rlmrec": RlmRec(RlmRec.Config(history_k=WRITER_WINDOW, **_WRITER)),
}
"""The profile strategies, with the windows of the toy tier and the options for small models."""
ITEM_LINES = 20
"""Ratings by others of each measured item."""
NEEDED_GAIN = 0.1
"""Share of the MAE without profile by which careful profiles of each strategy are better."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class ErrorReduction:
    """How much lower the MAE of one predictor is than that of another on the same pairs."""

    mean: float
    low: float
    """Lower end of the 95 % interval (pairs are independent: each has its own user and item)."""
    high: float

    @classmethod
    def of(cls, errors: Sequence[float], better: Sequence[float]) -> ErrorReduction:
        """The gain of the second over the first, from absolute errors in the same order.

        Raises:
            ValueError: there are fewer than two pairs.
        """
        differences = [a - b for a, b in zip(errors, better, strict=True)]
        mean, half = fmean(differences), _Z * stdev(differences) / len(differences) ** 0.5
        return cls(mean, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class StrategyMeasurement:
    """Readability and MAE of one strategy."""

    readable: float
    """Share of requests with readable profiles at temperature 0."""
    readable_sampled: float
    """The same at temperature 1."""
    mae_written: float | None
    """With the profiles that the model writes at temperature 0; None if none is readable."""
    mae_sampled: float | None
    """The same at temperature 1."""
    mae_careful: float
    """With the profiles of a careful answer to the same prompt: what training could reach."""
    careful_gain: ErrorReduction
    """Of careful profiles over no profile."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """MAE of expected ratings on new pairs, and shares of readable answers."""

    pairs: int
    exact: Mapping[str, float]
    """MAE of the exact expected rating, by what is known: the best that any predictor of expectations can do."""
    mae: Mapping[str, float]
    """By predictor: three averages, and the scorer by what it reads."""
    gains: Mapping[str, ErrorReduction]
    """`A over B`: gain of A, with its interval."""
    strategies: Mapping[str, StrategyMeasurement]
    """By name."""

    def faults(self) -> list[str]:
        """The conditions on a toy model that do not hold."""
        checks = {f"{name} is better (95 % interval)": gain.low > 0 for name, gain in self.gains.items()}
        none = self.mae["10 interactions"]
        for name, measured in self.strategies.items():
            checks[f"careful profiles of {name} are {NEEDED_GAIN:.0%} better than none"] = (
                measured.careful_gain.mean >= NEEDED_GAIN * none
            )
            checks[f"{name} readable at temperature 0 in 95 % of requests"] = measured.readable >= 0.95
            checks[f"{name} readable at temperature 1 in 90 % of requests"] = measured.readable_sampled >= 0.9
        return [name for name, holds in checks.items() if not holds]

    def as_dict(self) -> dict[str, Any]:
        """The measurements as JSON values."""
        return asdict(self)


def measure(engine: Engine, *, pairs: int = 1000, seed: int = 0, written: int = 200) -> Measurements:
    """Measures a model on new pairs of a user with 50 interactions and an item with 20.

    Args:
        engine: Runs the model.
        pairs: Number of pairs for the scorer.
        seed: Seed of pairs and samples; the random numbers differ from those of any build.
        written: The model writes profiles for this many of them.
    """
    random = Random(f"toy measure {seed}")
    measured = [make_pair(random, user_lines=WRITER_WINDOW, item_lines=ITEM_LINES) for _ in range(pairs)]
    errors = {name: _absolute(measured, values) for name, values in _averages(measured).items()}
    errors |= _scorer_errors(engine, measured)
    return Measurements(
        pairs=pairs,
        exact=exact_maes(measured),
        mae={name: fmean(values) for name, values in errors.items()},
        gains=_gains(errors),
        strategies={
            name: _measure_strategy(engine, name, measured, errors["10 interactions"], seed, written)
            for name in STRATEGIES
        },
    )


def exact_maes(pairs: Sequence[ToyPair]) -> dict[str, float]:
    """MAE of the exact expected rating, by what is known of the user and the item; see `inference`."""
    known: dict[str, Callable[[ToyPair], Sequence[float]]] = {
        "nothing": lambda pair: _exact(pair, 0, 0),
        "10 interactions": lambda pair: _exact(pair, SCORER_WINDOW, 0),
        "50 interactions": lambda pair: _exact(pair, WRITER_WINDOW, 0),
        "50 sentiments": lambda pair: _exact(pair, WRITER_WINDOW, 0, sentiments=True),
        "10 interactions and the item's reviews": lambda pair: _exact(pair, SCORER_WINDOW, ITEM_LINES),
        "50 interactions and the item's reviews": lambda pair: _exact(pair, WRITER_WINDOW, ITEM_LINES),
        "all latent attributes": lambda pair: rating_distribution_of(pair.user, pair.item),
    }
    return {name: fmean(_absolute(pairs, [_mean(of(pair)) for pair in pairs])) for name, of in known.items()}


def _exact(pair: ToyPair, user_lines: int, item_lines: int, *, sentiments: bool = False) -> Sequence[float]:
    history, of_item = (_last(pair.request.user_history, user_lines), _last(pair.request.item_history, item_lines))
    belief = user_belief(history, sentiments=sentiments, reviews=not sentiments)
    return predict(belief, item_belief(pair.item.genre, of_item))


def _mean(probabilities: Sequence[float]) -> float:
    return sum(label * probability for label, probability in zip(DOMAIN.labels, probabilities, strict=True))


def _last(values: Sequence[Interaction], count: int) -> tuple[Interaction, ...]:
    return tuple(values[len(values) - min(count, len(values)) :])


def _averages(pairs: Sequence[ToyPair]) -> dict[str, list[float]]:
    """The predictions of three averages, of all the ratings that any model sees."""
    random = Random("toy global mean")
    overall = fmean(make_pair(random, user_lines=0, item_lines=0).example.rating for _ in range(5000))
    return {
        "global mean": [overall] * len(pairs),
        "user mean": [pair.request.user_average or overall for pair in pairs],
        "item mean": [pair.request.item_average or overall for pair in pairs],
    }


def _absolute(pairs: Sequence[ToyPair], predictions: Sequence[float]) -> list[float]:
    return [abs(pair.example.rating - value) for pair, value in zip(pairs, predictions, strict=True)]


def _scorer_errors(engine: Engine, pairs: Sequence[ToyPair]) -> dict[str, list[float]]:
    without = [Profiles()] * len(pairs)
    windows = {
        "no evidence": (0, 0),
        "10 interactions": (SCORER_WINDOW, 0),
        "50 interactions": (WRITER_WINDOW, 0),
        "50 interactions and the item's reviews": (WRITER_WINDOW, ITEM_LINES),
    }
    return {name: score_errors(engine, pairs, without, *lines) for name, lines in windows.items()}


def _gains(errors: Mapping[str, Sequence[float]]) -> dict[str, ErrorReduction]:
    pairs = [("10 interactions", name) for name in ("global mean", "user mean", "item mean", "no evidence")]
    pairs += [(name, "10 interactions") for name in errors if name.startswith("50 ")]
    return {f"{better} over {worse}": ErrorReduction.of(errors[worse], errors[better]) for better, worse in pairs}


def _measure_strategy(
    engine: Engine, name: str, pairs: Sequence[ToyPair], without: Sequence[float], seed: int, written: int
) -> StrategyMeasurement:
    careful = score_errors(engine, pairs, [careful_profiles(name, pair) for pair in pairs], SCORER_WINDOW, 0)
    few = pairs[:written]
    greedy, sampled = (
        write_profiles(
            STRATEGIES[name], [pair.request for pair in few], engine, Sampling(temperature=temperature, seed=seed)
        ).profiles
        for temperature in (0.0, 1.0)
    )
    return StrategyMeasurement(
        readable=_readable_share(greedy),
        readable_sampled=_readable_share(sampled),
        mae_written=_mae_of_readable(engine, few, greedy),
        mae_sampled=_mae_of_readable(engine, few, sampled),
        mae_careful=fmean(careful),
        careful_gain=ErrorReduction.of(without, careful),
    )


def score_errors(
    engine: Engine, pairs: Sequence[ToyPair], profiles: Sequence[Profiles], user_lines: int, item_lines: int
) -> list[float]:
    """Absolute errors of the expected ratings; the scorer reads the profiles and the last lines of the histories."""
    scorer = RatingExpectation(
        RatingExpectation.Config(
            prompt_set="compact", history_k=user_lines, item_history_k=item_lines, show_averages=False
        )
    )
    requests = [_shown(pair.request, user_lines, item_lines) for pair in pairs]
    predictions = [_value(prediction) for prediction in scorer.score(requests, profiles, engine)]
    return _absolute(pairs, predictions)


def _value(prediction: Prediction) -> float:
    if prediction.value is None:
        raise ModelError(f"the model has no label probabilities: {prediction.status}")
    return prediction.value


def _shown(request: Request, user_lines: int, item_lines: int) -> Request:
    return replace(
        request,
        user_history=_last(request.user_history, user_lines),
        item_history=_last(request.item_history, item_lines),
    )


def _mae_of_readable(engine: Engine, pairs: Sequence[ToyPair], profiles: Sequence[Profiles]) -> float | None:
    kept = [(pair, written) for pair, written in zip(pairs, profiles, strict=True) if written.failed is None]
    if not kept:
        return None
    return fmean(score_errors(engine, [pair for pair, _ in kept], [written for _, written in kept], SCORER_WINDOW, 0))


def _readable_share(profiles: Sequence[Profiles]) -> float:
    return fmean(written.failed is None for written in profiles)
