"""Checks that a model folder is complete before anything heavy is loaded from it."""

from __future__ import annotations

from pathlib import Path

from duetbench.errors import ModelError
from duetbench.models.weight_files import check_weight_files, read_header, weight_files

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def check_model_folder(folder: Path) -> None:
    """Passes if config, tokenizer and all weights are present and undamaged.

    Raises:
        ModelError: names everything that is missing, or what is wrong with the files of the weights.
    """
    if not folder.is_dir():
        raise ModelError(f"model folder {folder} does not exist")
    faults = (_config_fault(folder), _tokenizer_fault(folder), _weights_fault(folder))
    missing = [fault for fault in faults if fault]
    if missing:
        raise ModelError(f"model folder {folder} lacks {'; '.join(missing)}")
    check_weight_files(folder)


def check_adapter_folder(folder: Path) -> None:
    """Passes if an adapter's configuration and weights are present and undamaged.

    Raises:
        ModelError: names everything that is missing.
    """
    required = ("adapter_config.json", ADAPTER_WEIGHTS)
    missing = [name for name in required if not (folder / name).is_file()]
    if missing:
        is_pickled = (folder / "adapter_model.bin").is_file()
        note = "; adapter_model.bin is a pickle, which can run code when it is read, and is not loaded" * is_pickled
        raise ModelError(
            f"adapter folder {folder} lacks {' and '.join(missing)} (as peft's save_pretrained writes them){note}"
        )
    read_header(folder / ADAPTER_WEIGHTS)


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
    try:
        weight_files(folder)
    except ModelError as error:
        return str(error)
    return ""
