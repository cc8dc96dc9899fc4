"""Sampling of the next token."""

from __future__ import annotations

import pytest

from duetbench.engines.sampling import TokenSampler, sampling_seed
from duetbench.types import Sampling

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")
LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])


def frequencies(sampling: Sampling, n: int = 4000) -> list[float]:
    """The relative frequency of each sampled token."""
    sampler = TokenSampler(sampling, ["k"], CPU)
    tokens = torch.cat([sampler.pick(LOGITS, [0]) for _ in range(n)])
    return [float(frequency) for frequency in torch.bincount(tokens, minlength=4) / n]


def test_temperature_zero_takes_the_most_likely_token() -> None:
    assert TokenSampler(Sampling(), ["k"], CPU).pick(LOGITS, [0]).tolist() == [0]


def test_samples_follow_the_softmax() -> None:
    expected = LOGITS[0].softmax(-1).tolist()
    assert frequencies(Sampling(temperature=1.0)) == pytest.approx(expected, abs=0.03)


def test_a_higher_temperature_flattens_the_distribution() -> None:
    expected = (LOGITS[0] / 4).softmax(-1).tolist()
    assert frequencies(Sampling(temperature=4.0)) == pytest.approx(expected, abs=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    sampled = frequencies(Sampling(temperature=1.0, top_p=0.7))  # probabilities .64, .24, .09, .03
    assert sampled[2:] == [0.0, 0.0]
    assert sampled[1] > 0.2


def test_a_tiny_top_p_keeps_the_most_likely_token() -> None:
    assert frequencies(Sampling(temperature=1.0, top_p=1e-9), n=50) == [1.0, 0.0, 0.0, 0.0]


def test_a_sample_is_independent_of_the_other_rows() -> None:
    sampling = Sampling(temperature=1.0)
    alone, batched = TokenSampler(sampling, ["b"], CPU), TokenSampler(sampling, ["a", "b", "c"], CPU)
    logits = torch.zeros(1, 500)
    for _ in range(5):
        assert batched.pick(logits.repeat(2, 1), [0, 1])[1] == alone.pick(logits, [0])[0]


def test_seed_sample_index_and_prompt_each_change_the_sample() -> None:
    sampling = Sampling(temperature=1.0)
    seeds = {
        sampling_seed(sampling, "k"),
        sampling_seed(sampling, "other"),
        sampling_seed(Sampling(temperature=1.0, seed=1), "k"),
        sampling_seed(Sampling(temperature=1.0, sample_index=1), "k"),
    }
    assert len(seeds) == 4
