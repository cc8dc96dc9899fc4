"""Keeps the model library's own progress bars and remarks off the terminal while it loads or saves."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """Only errors are told inside, and no name that peft still uses is called old; afterwards all is as before."""
    from transformers.utils import logging as library_logging

    logging: Any = library_logging
    was_level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(was_level)
        if had_bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def silence_gguf() -> Iterator[None]:
    """No bar from the GGUF reader, which draws one of its own whatever the library's settings say."""
    from transformers import modeling_gguf_pytorch_utils as reader

    module: Any = reader
    bar = vars(module).get("tqdm")
    module.tqdm = lambda items, **_settings: items
    try:
        yield
    finally:
        module.tqdm = bar
