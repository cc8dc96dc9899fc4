"""Checks that a model folder is complete before anything heavy is loaded from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duetbench.documents.json_text import load_json
from duetbench.errors import DocumentError, ModelError


def check_model_folder(folder: Path) -> None:
    """Passes if config, tokenizer and all weights are present.

    Raises:
        ModelError: names everything that is missing.
    """
    if not folder.is_dir():
        raise ModelError(f"model folder {folder} does not exist")
    faults = (_config_fault(folder), _tokenizer_fault(folder), _weights_fault(folder))
    missing = [fault for fault in faults if fault]
    if missing:
        raise ModelError(f"model folder {folder} lacks {'; '.join(missing)}")


def check_adapter_folder(folder: Path) -> None:
    """Passes if an adapter's configuration and weights are present.

    Raises:
        ModelError: names everything that is missing.
    """
    required = ("adapter_config.json", "adapter_model.safetensors")
    missing = [name for name in required if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"adapter folder {folder} lacks {' and '.join(missing)} (as peft's save_pretrained writes them)"
        )


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


def _config_fault(folder: Path) -> str:
    return "" if (folder / "config.json").is_file() else "config.json"


def _tokenizer_fault(folder: Path) -> str:
    single_files = ("tokenizer.json", "tokenizer.model", "vocab.txt")
    if any((folder / name).is_file() for name in single_files):
        return ""
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return ""
    return "a tokenizer (tokenizer.json; copy it from the base model)"


def _weights_fault(folder: Path) -> str:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(read_json(index).get("weight_map", {}).values()))
        absent = [shard for shard in shards if not (folder / shard).is_file()]
        return f"weight files {', '.join(absent)}" if absent else ""
    if any(folder.glob("*.safetensors")):
        return ""
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    note = f" ({pickled[0]} is a pickle and is not loaded: convert it to safetensors)" if pickled else ""
    return f"weights (*.safetensors){note}"
