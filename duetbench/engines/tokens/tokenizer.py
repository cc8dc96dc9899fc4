"""Tokenizer and context length of a model folder, read without its weights."""

from __future__ import annotations

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
