"""Which tokens the labels are."""

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
    """A chat whose tokenizer joins a digit with the space before it, and digits with each other."""

    def ids(self, _messages: Sequence[Message], answer: str) -> list[Any]:
        return re.findall(r" ?\d+|\w+|\W", answer)


CHAT = cast(ChatTemplate, Merging())


def test_labels_that_stand_alone_are_found() -> None:
    assert label_ids(CHAT, "Rating:", ["1", "2"]) == ["1", "2"]


def test_a_label_that_swallows_the_space_is_refused_and_a_prefix_that_works_is_named() -> None:
    with pytest.raises(EngineError, match=r"not distinct single tokens after 'Rating: ' .* as in 'Rating:'"):
        label_ids(CHAT, "Rating: ", ["1", "2"])


def test_a_label_that_joins_the_text_before_it_is_refused() -> None:
    with pytest.raises(EngineError, match="choose other labels or another prefix"):
        label_ids(CHAT, "2", ["a b"])


def test_a_space_of_its_own_may_belong_to_the_label() -> None:
    assert label_ids(CHAT, "Rating:", [" 1", " 2"]) == [" 1", " 2"]
