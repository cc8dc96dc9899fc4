"""Converts GGUF files and pickled weights to a model folder: safetensors, tokenizer, chat template."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from duetbench.atomic import atomic_folder
from duetbench.errors import DuetbenchError, MissingDependency, ModelError
from duetbench.models.folder import check_model_folder
from duetbench.models.silence_logging import silence_gguf, silence_transformers
from duetbench.models.weights import check_finite, load_weights

_LOADING_ONLY = ("quantization_config", "_name_or_path")
"""Keys of the loaded configuration that refer to the GGUF file; if saved, they would require that file again."""


def convert(source: Path, target: Path) -> None:
    """Writes a model folder with safetensors.

    Args:
        source: A GGUF file, or a model folder with pickled weights. Of a pickle only tensors are read; code in it is
            refused and not run.
        target: A folder that does not exist yet; it appears complete or not at all.

    Raises:
        MissingDependency: gguf is not installed.
        ModelError: the source cannot be read, or the target exists.
    """
    if target.exists():
        raise ModelError(f"{target} exists: remove it, or choose another folder")
    if not source.exists():
        raise ModelError(f"{source} does not exist")
    with atomic_folder(target.resolve()) as partial:
        if source.is_file():
            gguf_to_folder(source, partial)
        else:
            _pickles_to_folder(source, partial)
        check_model_folder(partial)


def _pickles_to_folder(source: Path, target: Path) -> None:
    if any(source.glob("*.safetensors")):
        raise ModelError(f"{source} has safetensors already: use it as path:{source}")
    if not any(source.glob("*.bin")):
        raise ModelError(f"{source} has no pytorch_model.bin: name a folder with one, or a GGUF file")
    loaded = load_weights(source, use_safetensors=False, weights_only=True, dtype="auto")
    check_finite(f"the weights in {source}", loaded.named_parameters())
    with silence_transformers():
        loaded.save_pretrained(target)
    kept = [path for pattern in ("*.json", "*.jinja", "*.txt", "*.model") for path in source.glob(pattern)]
    for path in kept:
        if not (target / path.name).exists() and ".bin." not in path.name:
            shutil.copy2(path, target / path.name)


def gguf_to_folder(gguf: Path, folder: Path) -> None:
    """Writes the model in `gguf` as float32 safetensors with tokenizer and chat template.

    The quantized weights are kept exactly: float32 represents every dequantized value.

    Raises:
        MissingDependency: gguf is not installed.
        ModelError: the file cannot be read, or has no chat template.
    """
    try:
        import gguf as _  # noqa: F401
    except ImportError as error:
        raise MissingDependency("reading a GGUF file needs gguf: pip install gguf") from error
    with silence_transformers(), silence_gguf():
        try:
            _convert(gguf, folder)
        except DuetbenchError:
            raise
        except Exception as error:  # reader, tokenizers and safetensors raise anything, even plain Exception
            raise ModelError(f"{gguf.name} could not be converted: {' '.join(str(error).split())}") from error


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if not tokenizer.chat_template:
        raise ModelError(f"{gguf.name} has no chat template")
    loaded = load_weights(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    check_finite(f"the weights in {gguf.name}", loaded.named_parameters())
    _plain(loaded).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _plain(loaded: Any) -> Any:
    """The same weights in a model without the GGUF settings: transformers refuses to save one with them."""
    import torch
    from transformers import AutoModelForCausalLM

    factory: Any = AutoModelForCausalLM
    body = {name: value for name, value in loaded.config.to_dict().items() if name not in _LOADING_ONLY}
    plain: Any = factory.from_config(type(loaded.config)(**body), dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    return plain
