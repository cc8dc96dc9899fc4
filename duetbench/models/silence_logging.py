"""Suppresses the progress bars and log messages of the model library while it loads or saves."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """Shows only errors of transformers, and no FutureWarning about names that peft still uses."""
    from transformers.utils import logging as library_logging

    logging: Any = library_logging
    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def silence_gguf() -> Iterator[None]:
    """Shows no progress bar of the GGUF reader, which ignores the library's settings."""
    from transformers import modeling_gguf_pytorch_utils as reader

    module: Any = reader
    bar = vars(module).get("tqdm")
    module.tqdm = lambda items, **_settings: items
    try:
        yield
    finally:
        module.tqdm = bar
