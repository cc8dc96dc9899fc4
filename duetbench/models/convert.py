"""GGUF in, a plain model folder out: safetensors, tokenizer, chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError, MissingDependency, ModelError

_LOADING_ONLY = ("quantization_config", "_name_or_path")
"""What the loaded configuration says of the GGUF file; saved along, it would ask for that file again."""


def gguf_to_folder(gguf: Path, folder: Path) -> None:
    """Writes the model in `gguf` as float32 safetensors with tokenizer and chat template.

    The quantised weights are kept exactly: float32 holds every value that they stand for.

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
        except Exception as error:  # reader, tokenizers and safetensors raise what they like, even plain Exception
            raise ModelError(f"{gguf.name} could not be converted: {' '.join(str(error).split())}") from error


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if not tokenizer.chat_template:
        raise ModelError(f"{gguf.name} carries no chat template")
    loaded: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    _plain(loaded).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _plain(loaded: Any) -> Any:
    """The same weights in a model that does not know of GGUF: transformers refuses to save one that does."""
    import torch
    from transformers import AutoModelForCausalLM

    maker: Any = AutoModelForCausalLM
    body = {name: value for name, value in loaded.config.to_dict().items() if name not in _LOADING_ONLY}
    plain: Any = maker.from_config(type(loaded.config)(**body), dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    return plain
