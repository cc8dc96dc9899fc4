"""The tokenizer of toy-lm."""

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


def test_labels_are_distinct_single_tokens_after_the_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    before = tokenizer("Rating: ")["input_ids"]
    after = [tokenizer(f"Rating: {label}")["input_ids"] for label in range(1, 6)]
    assert all(tokens[:-1] == before for tokens in after)
    assert len({tokens[-1] for tokens in after}) == 5


@pytest.mark.parametrize("genre", GENRES)
def test_genre_is_the_same_token_at_every_position(tokenizer: PreTrainedTokenizerFast, genre: str) -> None:
    for text in (f"Likes {genre}, dislikes", f"I love {genre}.", f"Silver River, {genre}."):
        assert f"Ġ{genre}" in _pieces(tokenizer, text)


@pytest.mark.parametrize("name", ["user_profile", "item_profile", "cue", "constructed_prompt", "profile", "rating"])
def test_tag_is_one_token(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    assert _pieces(tokenizer, f"<{name}></{name}>") == [f"<{name}>", f"</{name}>"]


def test_any_text_survives_encoding(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "Zürich\n\n  «naïve» 42% <b>x</b> 日本 \t!"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_prompt_is_a_prefix_of_prompt_and_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = [{"role": "user", "content": "Hello"}]
    conversation = [*prompt, {"role": "assistant", "content": "Rating: 3"}]
    prompt_text = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    text = tokenizer.apply_chat_template(conversation, tokenize=False)
    assert text == f"{prompt_text}Rating: 3{tokenizer.eos_token}"


def test_tokenizer_is_reproducible(tokenizer: PreTrainedTokenizerFast) -> None:
    assert make_tokenizer().get_vocab() == tokenizer.get_vocab()
