"""Small grids for tests of the runner and of the command line: no real model, no download."""

from __future__ import annotations

from pathlib import Path

from weights_making import WEIGHTS, write_weights

BASELINES = (
    "bias",
    "boosting",
    "global_mean",
    "history_logistic",
    "item_mean",
    "majority",
    "matrix_factorization",
    "tfidf_logistic",
    "tfidf_ridge",
    "user_mean",
)
"""The built-in scorers without a model that every installation has."""
PLUGIN = Path(__file__).parent / "runner" / "grid_plugin.py"


def make_model_folder(folder: Path) -> Path:
    """A folder that looks like a model; nothing is ever loaded from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    write_weights(folder / WEIGHTS)
    return folder


def logged(path: Path, word: str = "") -> list[str]:
    """The lines of an engine's or trainer's log that begin with a word, without the process that wrote them."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return [line for line in (line.partition(" ")[2] for line in lines) if line.startswith(word)]
