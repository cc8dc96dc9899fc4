"""Checks the files of weights by their headers, without loading any weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duetbench.errors import ModelError
from duetbench.models.json_files import read_json

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

_MAX_LISTED = 5


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """What a file states about one of its tensors."""

    dtype: str
    """As in the file: `F32`, `BF16`, `I8`, ..."""
    shape: tuple[int, ...]


def listed(names: Iterable[str]) -> str:
    """Names for a message: the first ones, and the number of the others."""
    ordered = sorted(names)
    rest = len(ordered) - _MAX_LISTED
    return ", ".join(ordered[:_MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def read_header(path: Path) -> dict[str, TensorHeader]:
    """Type and shape of each tensor in a safetensors file, by name.

    Raises:
        ModelError: the file is damaged or incomplete.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return {name: TensorHeader(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged or incomplete ({error}): copy or fetch it again") from error


def weight_files(folder: Path) -> list[Path]:
    """The files that contain the weights of a model folder, in the order of their names.

    Raises:
        ModelError: none, not all or too many of them are there; the message names them.
    """
    has_single, has_index = (folder / WEIGHTS).is_file(), (folder / INDEX).is_file()
    if has_single and has_index:
        raise ModelError(f"both {WEIGHTS} and {INDEX}: remove the one that does not belong to the model")
    if has_single:
        return [folder / WEIGHTS]
    if not has_index:
        raise ModelError(f"weights ({WEIGHTS}, or {INDEX} with its shards){_note_on_others(folder)}")
    shards = sorted(set(_weight_map(folder).values()))
    absent = [shard for shard in shards if not (folder / shard).is_file()]
    if absent:
        raise ModelError(f"weight files {listed(absent)}")
    return [folder / shard for shard in shards]


def check_weight_files(folder: Path) -> None:
    """Passes if all files are complete, contain the tensors that the index names, and store weights as floats.

    Raises:
        ModelError: names files and tensors.
    """
    headers = {path.name: read_header(path) for path in weight_files(folder)}
    if (folder / INDEX).is_file():
        _check_index(folder, headers)
    config = read_json(folder / "config.json")
    if "quantization_config" not in config:
        _check_types(folder, [header for file in headers.values() for header in file.items()])


def _check_index(folder: Path, headers: Mapping[str, Mapping[str, TensorHeader]]) -> None:
    expected = {(shard, name) for name, shard in _weight_map(folder).items()}
    present = {(shard, name) for shard, tensors in headers.items() for name in tensors}
    for difference, what in ((expected - present, "lack"), (present - expected, "contain, beyond the index,")):
        if difference:
            names = listed(f"{name} ({shard})" for shard, name in difference)
            raise ModelError(f"the shards in {folder} {what} {names}: {INDEX} is of another copy; fetch all files again")


def _check_types(folder: Path, tensors: Sequence[tuple[str, TensorHeader]]) -> None:
    """Refuses weights in integers without the scales that they need: loading would cast them to floats silently."""
    integers = [name for name, header in tensors if name.endswith(".weight") and header.dtype[0] in "IU"]
    if integers:
        raise ModelError(
            f"the weights in {folder} are integers ({listed(integers)}), but config.json has no quantization_config: "
            "copy the complete folder of the quantized model, or use its weights in floats"
        )


def _weight_map(folder: Path) -> dict[str, str]:
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{INDEX} with a weight_map")
    return {str(name): str(shard) for name, shard in weight_map.items()}


def _note_on_others(folder: Path) -> str:
    """What is there instead, and how to get safetensors from it."""
    others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
    if others:
        return (
            f"; {others[0]} is a pickle, which can run code when it is read, and is not loaded: convert it with "
            f"`duetbench models convert {folder} OUT`"
        )
    packed = sorted(path.name for path in folder.glob("*.gguf"))
    if packed:
        return f"; convert {packed[0]} with `duetbench models convert {folder / packed[0]} OUT`"
    named = sorted(path.name for path in folder.glob("*.safetensors"))
    return f"; there is only {listed(named)}" if named else ""
