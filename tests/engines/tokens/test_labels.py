"""The tokens of the labels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

import pytest

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.labels import LabelTree, label_tree
from duetbench.errors import EngineError
from duetbench.types import Message


class Merging:
    """A chat template whose tokenizer merges a digit with the space before it, and digits with each other."""

    def ids(self, _messages: Sequence[Message], prefill: str) -> list[Any]:
        return re.findall(r" ?\d+|\w+|\W", prefill)


class Characters:
    """A chat template whose tokens are characters."""

    def ids(self, _messages: Sequence[Message], prefill: str) -> list[int]:
        return [*map(ord, prefill)]


MERGING, CHARACTERS = cast(ChatTemplate, Merging()), cast(ChatTemplate, Characters())
ONE, ZERO = ord("1"), ord("0")


def logs(*probabilities: float) -> list[float]:
    return [math.log(probability) for probability in probabilities]


def test_labels_that_are_single_tokens_are_found() -> None:
    assert label_tree(MERGING, "Rating:", ["1", "2"]).labels == (("1",), ("2",))


def test_a_label_that_merges_with_the_space_is_an_error_that_names_a_working_prefix() -> None:
    with pytest.raises(
        EngineError, match=r"no distinct tokens of their own after 'Rating: '; end the prefix as in 'Rating:'"
    ):
        label_tree(MERGING, "Rating: ", ["1", "2"])


def test_a_label_without_tokens_is_an_error() -> None:
    with pytest.raises(EngineError, match="choose other labels or another prefix"):
        label_tree(MERGING, "2", [""])


def test_equal_labels_are_an_error() -> None:
    with pytest.raises(EngineError, match="no distinct tokens"):
        label_tree(CHARACTERS, "Rating: ", ["1", "1"])


def test_a_label_may_begin_with_a_space() -> None:
    assert label_tree(MERGING, "Rating:", [" 1", " 2"]).labels == ((" 1",), (" 2",))


def test_a_beginning_that_labels_share_is_read_once() -> None:
    tree = label_tree(CHARACTERS, "", ["0.5", "1", "1.5", "10"])
    texts = ["".join(map(chr, node)) for node in tree.nodes]
    assert texts == ["", "0", "1", "0.", "1."]
    assert tree.following((ONE,)) == (ord("."), ZERO)
    assert tree.depth == 3


def test_labels_of_one_token_are_read_as_they_are() -> None:
    tree = LabelTree(((1,), (2,), (3,)))
    assert tree.nodes == ((),)
    assert tree.logprobs([logs(0.2, 0.3, 0.4)]) == tuple(logs(0.2, 0.3, 0.4))


def test_one_is_a_one_that_no_zero_follows() -> None:
    tree = LabelTree(((ONE,), (ONE, ZERO)))
    one, ten = map(math.exp, tree.logprobs([logs(0.6), logs(0.25)]))
    assert (one, ten) == (pytest.approx(0.6 * 0.75), pytest.approx(0.6 * 0.25))


def test_half_stars_are_products_along_their_tokens() -> None:
    tree = label_tree(CHARACTERS, "", ["0.5", "1", "1.5"])
    read = [logs(0.1, 0.8), logs(0.9), logs(0.5), logs(1.0), logs(0.7)]  # after nothing, 0, 1, 0. and 1.
    half, one, one_and_a_half = map(math.exp, tree.logprobs(read))
    assert half == pytest.approx(0.1 * 0.9 * 1.0)
    assert one == pytest.approx(0.8 * 0.5)
    assert one_and_a_half == pytest.approx(0.8 * 0.5 * 0.7)


def test_a_label_that_is_always_continued_has_no_probability_but_a_finite_logarithm() -> None:
    one, _ = LabelTree(((ONE,), (ONE, ZERO))).logprobs([logs(0.6), logs(1.0)])
    assert math.isfinite(one)
    assert math.exp(one) < 1e-7
