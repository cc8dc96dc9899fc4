"""Converts a GGUF file to a model folder: safetensors, tokenizer, chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError, MissingDependency, ModelError
from duetbench.models.weights import check_finite, load_weights

_LOADING_ONLY = ("quantization_config", "_name_or_path")
"""Keys of the loaded configuration that refer to the GGUF file; if saved, they would require that file again."""


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
    from duetbench.models.silence_logging import silence_gguf, silence_transformers

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
