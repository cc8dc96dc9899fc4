"""Tokenizer and context length of a model folder, read without its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from duetbench.errors import ModelError
from duetbench.models.folder import read_json
from duetbench.models.silence_logging import silence_transformers
from duetbench.types import ModelRef

RENDERING_REVISION = "1"
"""Part of every key of the request store: raise it when the token ids of a prompt change."""


def load_tokenizer(model: ModelRef) -> Any:
    """The model's tokenizer.

    Raises:
        ModelError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    with silence_transformers():
        try:
            return AutoTokenizer.from_pretrained(model.path, local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"the tokenizer in {model.path} cannot be loaded: {type(error).__name__}: {reason}"
            ) from error


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
    config = read_json(Path(model.path) / "config.json")
    text_config = config.get("text_config") or config
    limits = [
        int(length) for length in (model.context_length, text_config.get("max_position_embeddings"), limit) if length
    ]
    if not limits:
        raise ModelError(
            f"the context length of {model.name} is unknown: set max_position_embeddings in its config.json, or the "
            "option max_context of the engine"
        )
    return min(limits)
