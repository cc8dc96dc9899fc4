"""The tokens of the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import pytest

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.labels import label_ids
from duetbench.errors import EngineError
from duetbench.types import Message


class Merging:
    """A chat template whose tokenizer merges a digit with the space before it, and digits with each other."""

    def ids(self, _messages: Sequence[Message], prefill: str) -> list[Any]:
        return re.findall(r" ?\d+|\w+|\W", prefill)


CHAT = cast(ChatTemplate, Merging())


def test_labels_that_are_single_tokens_are_found() -> None:
    assert label_ids(CHAT, "Rating:", ["1", "2"]) == ["1", "2"]


def test_a_label_that_merges_with_the_space_is_an_error_that_names_a_working_prefix() -> None:
    with pytest.raises(EngineError, match=r"not distinct single tokens after 'Rating: ' .* as in 'Rating:'"):
        label_ids(CHAT, "Rating: ", ["1", "2"])


def test_a_label_that_merges_with_the_text_before_it_is_an_error() -> None:
    with pytest.raises(EngineError, match="choose other labels or another prefix"):
        label_ids(CHAT, "2", ["a b"])


def test_a_label_may_begin_with_a_space() -> None:
    assert label_ids(CHAT, "Rating:", [" 1", " 2"]) == [" 1", " 2"]
