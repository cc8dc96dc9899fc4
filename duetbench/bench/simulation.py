"""Synthetic errors of methods whose true differences are known, to measure intervals and ranks on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from duetbench.evaluation.statistics import Columns
    from duetbench.evaluation.statistics.crossed import Floats, Integers


@dataclass(frozen=True, slots=True)
class SimulatedPopulation:
    """How the errors of methods vary. Standard deviations are of one method, in units of the MAE.

    The defaults are those of a data set whose paired difference of two methods has a standard deviation of about 0.5.
    """

    name: str
    users: int
    pairs_per_user: int = 10
    """The mean."""
    items: int = 500
    unbalance: float = 0.0
    """Standard deviation of the logarithm of the number of pairs per user; 0: all users have the same number."""
    popularity: float = 0.0
    """Exponent of Zipf's law by which items are drawn; 0: all are equally popular."""
    user_sd: float = 0.1
    """Of a method's effect on a user."""
    item_sd: float = 0.1
    """Of a method's effect on an item."""
    pair_sd: float = 0.35
    """Of a method on a single pair."""
    seeds: int = 1
    """Trained models per method."""
    seed_sd: float = 0.0
    """Of a trained model; what intervals must cover is the method's mean over all seeds."""
    metric: str = ""
    """Name of a metric: ratings are drawn instead of errors (`duetbench.bench.simulated_ratings`)."""
    is_heavy: bool = False
    """Effects of single pairs are exponential, and those of users and items have Student's t with 5 degrees."""


def simulated(population: SimulatedPopulation, methods: int, rng: np.random.Generator) -> Columns:
    """Values of methods with the same true mean, 0, on a new sample of users, items and seeds."""
    from duetbench.evaluation.statistics import Columns

    users, items = _layout(population, rng)
    values = [_method(population, users, items, rng) for _ in range(methods)]
    return Columns(values, users, items)


def _layout(population: SimulatedPopulation, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """User and item of each pair; a user has an item at most once."""
    import numpy as np

    spread = population.unbalance
    factors = rng.lognormal(-(spread**2) / 2, spread, population.users)
    sizes = np.clip(np.round(population.pairs_per_user * factors).astype(int), 1, population.items)
    log_weights = -population.popularity * np.log(np.arange(1, population.items + 1))
    keys = log_weights + rng.gumbel(size=(population.users, population.items))  # draws without replacement
    order = np.argsort(-keys, axis=1)
    return np.repeat(np.arange(population.users), sizes), np.concatenate(
        [order[user, :size] for user, size in enumerate(sizes)]
    )


def _method(population: SimulatedPopulation, users: Integers, items: Integers, rng: np.random.Generator) -> Floats:
    """(seeds, pairs)."""
    shape = (population.seeds, 1)
    effects = population.user_sd * _effects(population, population.users, rng)[users]
    effects += population.item_sd * _effects(population, population.items, rng)[items]
    noise = rng.exponential(size=len(users)) - 1 if population.is_heavy else rng.standard_normal(len(users))
    values: Floats = effects + population.pair_sd * noise + population.seed_sd * rng.standard_normal(shape)
    return values


def _effects(population: SimulatedPopulation, size: int, rng: np.random.Generator) -> Floats:
    """Independent effects with mean 0 and variance 1."""
    if not population.is_heavy:
        return rng.standard_normal(size)
    effects: Floats = rng.standard_t(5, size) / (5 / 3) ** 0.5
    return effects
