"""Tokenizer, end tokens and context length of a model folder, read without its weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duetbench.errors import ModelError
from duetbench.models.json_files import read_json
from duetbench.models.silence_logging import silence_transformers
from duetbench.models.weight_files import listed
from duetbench.types import ModelRef

RENDERING_REVISION = "1"
"""Part of every key of the request store: raise it when the token ids of a prompt change."""


def load_tokenizer(model: ModelRef) -> Any:
    """The model's tokenizer.

    Raises:
        ModelError: it cannot be loaded, or has tokens for which the model has no embedding.
    """
    from transformers import AutoTokenizer

    with silence_transformers():
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(model.path, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"the tokenizer in {model.path} cannot be loaded: {type(error).__name__}: {reason}"
            ) from error
    _check_vocabulary(tokenizer, Path(model.path))
    return tokenizer


def _check_vocabulary(tokenizer: Any, folder: Path) -> None:
    n_embeddings = _text_config(folder).get("vocab_size")
    beyond = {text: number for text, number in tokenizer.get_vocab().items() if number >= (n_embeddings or math.inf)}
    if beyond:
        raise ModelError(
            f"the tokenizer in {folder} has {len(beyond)} tokens beyond the {n_embeddings} embeddings of the model "
            f"({listed(map(repr, beyond))}): use the tokenizer of these weights, or remove the tokens from it"
        )


def end_ids(folder: Path, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a completion: the tokenizer's end token, and those that the model's configuration names.

    They are all that is read of generation_config.json: how tokens are sampled is the user's choice.

    Raises:
        ModelError: the configuration ends completions at ordinary text.
    """
    file = folder / "generation_config.json"
    named = (read_json(file) if file.is_file() else {}).get("eos_token_id")
    named = _text_config(folder).get("eos_token_id") if named is None else named
    ends = {int(token) for token in (named if isinstance(named, list) else [named]) if token is not None}
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    ordinary = ends - special - set(tokenizer.all_special_ids)
    if ordinary:
        tokens = listed(repr(tokenizer.convert_ids_to_tokens(number)) for number in ordinary)
        raise ModelError(f"eos_token_id of {folder} names ordinary text ({tokens}): remove it from {file.name}")
    return frozenset(ends | ({tokenizer.eos_token_id} - {None}))


def load_token_counter(model: ModelRef) -> Callable[[str], int] | None:
    """Counts the tokens of a text by itself; None: the model folder has no tokenizer.json.

    It is read without transformers, whose import takes many seconds: a run that is answered from the request store
    needs nothing else of it.
    """
    path = Path(model.path) / "tokenizer.json"
    if not path.is_file():
        return None
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # a text never holds special tokens, see ChatTemplate.escape
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def context_length(model: ModelRef, limit: int | None) -> int:
    """Tokens of prompt and completion together: the smallest of the card's, the configuration's and the user's limit.

    Args:
        model: A model folder; only its config.json is read.
        limit: The user's; None: no limit beyond the model's.

    Raises:
        ModelError: no limit is known.
    """
    own = _text_config(Path(model.path)).get("max_position_embeddings")
    limits = [int(length) for length in (model.context_length, own, limit) if length]
    if not limits:
        raise ModelError(
            f"the context length of {model.name} is unknown: set max_position_embeddings in its config.json, or the "
            "option max_context of the engine"
        )
    return min(limits)


def _text_config(folder: Path) -> dict[str, Any]:
    """The part of config.json that describes the language model."""
    config = read_json(folder / "config.json")
    return dict(config.get("text_config") or config)
