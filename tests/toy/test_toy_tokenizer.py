"""The toy model's tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from duetbench.toy.build import make_tokenizer
from duetbench.toy.world import GENRES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def _pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])


def test_the_labels_are_distinct_single_tokens_after_the_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    before = tokenizer("Rating: ")["input_ids"]
    after = [tokenizer(f"Rating: {label}")["input_ids"] for label in range(1, 6)]
    assert all(tokens[:-1] == before for tokens in after)
    assert len({tokens[-1] for tokens in after}) == 5


@pytest.mark.parametrize("genre", GENRES)
def test_a_genre_is_the_same_token_wherever_it_stands(tokenizer: PreTrainedTokenizerFast, genre: str) -> None:
    for text in (f"Likes {genre}, dislikes", f"I love {genre}.", f"Silver River, {genre}."):
        assert f"Ġ{genre}" in _pieces(tokenizer, text)


@pytest.mark.parametrize("name", ["user_profile", "item_profile", "cue", "constructed_prompt", "profile", "rating"])
def test_a_tag_is_one_token(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    assert _pieces(tokenizer, f"<{name}></{name}>") == [f"<{name}>", f"</{name}>"]


def test_any_text_survives(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "Zürich\n\n  «naïve» 42% <b>x</b> 日本 \t!"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_chat_template_is_a_prefix_of_itself(tokenizer: PreTrainedTokenizerFast) -> None:
    asked = [{"role": "user", "content": "Hello"}]
    answered = [*asked, {"role": "assistant", "content": "Rating: 3"}]
    question = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    whole = tokenizer.apply_chat_template(answered, tokenize=False)
    assert whole == f"{question}Rating: 3{tokenizer.eos_token}"


def test_the_same_text_makes_the_same_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    assert make_tokenizer().get_vocab() == tokenizer.get_vocab()
