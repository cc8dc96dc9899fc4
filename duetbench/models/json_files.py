"""Reads the JSON files of model folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError, ModelError


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model folder.

    Raises:
        ModelError: it cannot be read, or is not a JSON object.
    """
    try:
        body = load_json(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    except DocumentError as error:
        raise ModelError(str(error)) from error
    if not isinstance(body, dict):
        raise ModelError(f"{path} is not a JSON object")
    return body
