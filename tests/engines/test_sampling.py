"""Draws of the next token."""

from __future__ import annotations

import pytest

from duetbench.engines.sampling import TokenSampler, sampling_seed
from duetbench.types import Sampling

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")
LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])


def draws(sampling: Sampling, n: int = 4000) -> list[float]:
    """How often each token was drawn, as shares."""
    picker = TokenSampler(sampling, ["k"], CPU)
    picked = torch.cat([picker.pick(LOGITS, [0]) for _ in range(n)])
    return [float(share) for share in torch.bincount(picked, minlength=4) / n]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert TokenSampler(Sampling(), ["k"], CPU).pick(LOGITS, [0]).tolist() == [0]


def test_draws_follow_the_softmax() -> None:
    expected = LOGITS[0].softmax(-1).tolist()
    assert draws(Sampling(temperature=1.0)) == pytest.approx(expected, abs=0.03)


def test_temperature_flattens() -> None:
    expected = (LOGITS[0] / 4).softmax(-1).tolist()
    assert draws(Sampling(temperature=4.0)) == pytest.approx(expected, abs=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    shares = draws(Sampling(temperature=1.0, top_p=0.7))  # probabilities .64, .24, .09, .03
    assert shares[2:] == [0.0, 0.0]
    assert shares[1] > 0.2


def test_a_tiny_top_p_leaves_the_likeliest() -> None:
    assert draws(Sampling(temperature=1.0, top_p=1e-9), n=50) == [1.0, 0.0, 0.0, 0.0]


def test_a_row_draws_the_same_in_any_company() -> None:
    sampling = Sampling(temperature=1.0)
    alone, joined = TokenSampler(sampling, ["b"], CPU), TokenSampler(sampling, ["a", "b", "c"], CPU)
    logits = torch.zeros(1, 500)
    for _ in range(5):
        assert joined.pick(logits.repeat(2, 1), [0, 1])[1] == alone.pick(logits, [0])[0]


def test_seed_sample_and_prompt_each_change_the_draw() -> None:
    sampling = Sampling(temperature=1.0)
    seeds = {
        sampling_seed(sampling, "k"),
        sampling_seed(sampling, "other"),
        sampling_seed(Sampling(temperature=1.0, seed=1), "k"),
        sampling_seed(Sampling(temperature=1.0, sample_index=1), "k"),
    }
    assert len(seeds) == 4
