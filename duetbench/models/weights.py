"""Loads weights and adapters so that every parameter has the value of a file, or nothing is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError, MissingDependency, ModelError
from duetbench.models.json_files import read_json
from duetbench.models.silence_logging import silence_transformers
from duetbench.models.weight_files import listed, weight_files
from duetbench.types import ModelRef


def load_weights(folder: Path, **arguments: Any) -> Any:
    """The model of a folder, in evaluation mode on the CPU.

    Args:
        folder: A model folder, or one with a GGUF file that `arguments` name.
        arguments: Further arguments of transformers' `from_pretrained`.

    Raises:
        ModelError: it cannot be loaded, or files and architecture do not have the same weights, which transformers
            would draw at random or leave out.
    """
    from transformers import AutoModelForCausalLM

    with silence_transformers():
        try:
            model, info = AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # so that they are part of `info`
                output_loading_info=True,
                **arguments,
            )
        except Exception as error:  # each format and architecture raises errors of its own; all mean an unusable folder
            raise _not_loadable(folder, error) from error
    check_loaded(f"the weights in {folder}", info)
    _check_tied(model, folder)
    return model


def check_loaded(subject: str, info: Mapping[str, Any]) -> None:
    """Passes if a loading report names nothing.

    Args:
        subject: What was loaded, for the message.
        info: As transformers returns it with `output_loading_info`.

    Raises:
        ModelError: names the weights.
    """
    shapes = [f"{name} {tuple(stored)} instead of {tuple(own)}" for name, stored, own in info["mismatched_keys"]]
    findings = {"missing": info["missing_keys"], "unknown": info["unexpected_keys"], "of another shape": shapes}
    found = [f"{what}: {listed(names)}" for what, names in findings.items() if names]
    found += [" ".join(message.split())[:300] for message in info.get("error_msgs", ())]
    if found:
        raise ModelError(
            f"{subject} do not fit the configuration ({'; '.join(found)}): fetch the complete folder again; if weights "
            "or configuration are of another model, replace them"
        )


def _check_tied(model: Any, folder: Path) -> None:
    """Refuses two different embeddings that the configuration calls one: each engine would use another one."""
    into, out = model.get_input_embeddings(), model.get_output_embeddings()
    if not model.config.get_text_config().tie_word_embeddings or out is None or into.weight.is_meta:
        return
    if out.weight is not into.weight:
        raise ModelError(
            f"the weights in {folder} have an output layer that differs from the embeddings, and config.json has "
            "tie_word_embeddings=true: set it to false, or remove the output layer from the weights"
        )


def add_adapter(base: Any, folder: Path) -> Any:
    """The model with a peft adapter, in evaluation mode.

    Raises:
        ModelError: the adapter does not fit the model.
        MissingDependency: peft is not installed.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise needs_peft() from error
    settings = {"torch_device": "cpu" if base.device.type == "meta" else str(base.device)}
    if base.device.type == "meta":
        settings["low_cpu_mem_usage"] = True  # type: ignore[assignment]  # places what it loads as it is
    try:
        with silence_transformers(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error, below
            adapted: Any = PeftModel.from_pretrained(base, str(folder), **settings)
            loaded = adapted.load_adapter(str(folder), "default", **settings)  # again, because only this reports
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"adapter {folder} does not fit the model: {_one_line(error)}") from error
    keys = {"missing_keys": loaded.missing_keys, "unexpected_keys": loaded.unexpected_keys, "mismatched_keys": ()}
    check_loaded(f"the weights of adapter {folder}", keys)
    adapted.eval()
    return adapted


def check_finite(subject: str, tensors: Iterable[tuple[str, Any]]) -> None:
    """Passes if all weights are finite numbers.

    Args:
        subject: What was loaded, for the message.
        tensors: Names and tensors; those without floats are skipped.

    Raises:
        ModelError: names the weights.
    """
    broken = [name for name, tensor in tensors if not _is_finite(tensor)]
    if broken:
        raise ModelError(
            f"{subject} are not finite numbers ({listed(broken)}): the training that made them diverged, the file is "
            "damaged, or the values exceed the precision (float16 ends at 65504: choose bfloat16 or float32)"
        )


def _is_finite(tensor: Any) -> bool:
    import torch

    if not tensor.is_floating_point() or tensor.is_meta or not tensor.numel():
        return True
    # The extremes are NaN if any value is, and computing them takes no memory of the size of the weights.
    wide = tensor.to(torch.bfloat16) if tensor.element_size() == 1 else tensor
    lowest, highest = torch.aminmax(wide.detach())
    return bool(torch.isfinite(lowest) and torch.isfinite(highest))


def check_model(model: ModelRef) -> None:
    """Passes if weights and adapter fit the configuration and are finite; for engines that load them by themselves.

    No memory for the model is needed: its structure is built without values, and the files are read tensor by tensor.

    Raises:
        ModelError: see `load_weights`, `add_adapter` and `check_finite`.
    """
    folder = Path(model.path)
    files = weight_files(folder)
    structure = load_weights(folder, device_map="meta", use_safetensors=True)
    if model.adapter:
        add_adapter(structure, Path(model.adapter))
        files += sorted(Path(model.adapter).glob("adapter_model*.safetensors"))
    for file in files:
        check_finite(f"the weights in {file}", _tensors(file))


def _tensors(file: Path) -> Iterable[tuple[str, Any]]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118 - not a mapping
            yield name, opened.get_tensor(name)


def needs_peft() -> MissingDependency:
    """The error for an adapter without peft."""
    return MissingDependency("a model with an adapter needs peft: pip install 'duetbench[train]'")


def _not_loadable(folder: Path, error: Exception) -> DuetbenchError:
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if "auto_map" in config and "custom code" in str(error):
        return ModelError(
            f"the model in {folder} needs code of its repository (auto_map in config.json), and code of a model is "
            "never run: choose a model that transformers knows by itself, or let a server run it (--engine openai)"
        )
    return ModelError(f"the model in {folder} cannot be loaded: {_one_line(error)}")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
