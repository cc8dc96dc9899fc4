"""A model card for a folder or for a model on the hub: what its files state, and what its chat template can do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import ModelError

if TYPE_CHECKING:
    from duetbench.engines.tokens.template_probe import TemplateFacts
    from duetbench.models.sources import FetchProgress

_LARGE_MODEL = 1e9
"""Parameters from which a model is asked with the complete prompts; smaller ones with the compact set."""
_BYTES_PER_PARAMETER = 2
"""Of the precision in which most weights are kept, bfloat16."""
_LICENCE = re.compile(r"^licen[cs]e:\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card that is not written yet."""

    body: Mapping[str, Any]
    facts: TemplateFacts


@dataclass(frozen=True, slots=True)
class _Described:
    """The files that describe a model, and where its weights are."""

    folder: Path
    """With configuration and tokenizer."""
    address: str
    source: Mapping[str, Any]
    """As in a card."""
    n_parameters: int | None
    """None: unknown without the weights."""
    n_estimated: float
    """The number of parameters, or an estimate of it from the size of the files."""


def card_for(model: str, on_progress: FetchProgress) -> NewCard:
    """The card of a model; weights in a folder are checked, those on the hub are not fetched.

    Args:
        model: `path:DIR` or `hf:ORG/NAME[@REVISION]`.
        on_progress: See `FetchProgress`.

    Raises:
        ModelError: the model cannot be used.
    """
    from duetbench.engines.tokens.template_probe import probe_template
    from duetbench.engines.tokens.tokenizer import context_length
    from duetbench.models.json_files import read_json
    from duetbench.types import ModelRef

    described = _on_hub(model, on_progress) if model.startswith("hf:") else _in_folder(model, on_progress)
    reference = ModelRef(model, str(described.folder), "")
    on_progress("rendering prompts with the chat template", 0, 0)
    facts = probe_template(reference)
    config = read_json(described.folder / "config.json")
    family = str((config.get("architectures") or [config.get("model_type")])[0])
    n = described.n_parameters
    body: dict[str, Any] = {
        "summary": f"{model.partition('@')[0]}, a {config.get('model_type', 'language')} model",
        "licence": _licence(described.folder),
        "source": described.address,
        "family": family,
        **({"parameters": _parameters_text(n)} if n else {}),
        "context_length": context_length(reference, None),
        **({"template_args": {facts.thinking: False}} if facts.thinking else {}),
        **({} if facts.has_system_turn else {"merge_system": True}),
        "options": {"prompt_set": "compact" if described.n_estimated < _LARGE_MODEL else "default"},
        "sources": [dict(described.source)],
    }
    return NewCard(body, facts)


def card_name(model: str) -> str:
    """The name of a card for a model: the last part of its address in lower case."""
    last = Path(model.removeprefix("path:").removeprefix("hf:").partition("@")[0]).expanduser().resolve().name
    name = re.sub(r"[^a-z0-9._-]+", "-", last.lower()).strip("-.")
    if not name:
        raise ModelError(f"model '{model}' has no name for its card: give one")
    return name


def write_card(card: NewCard, path: Path) -> None:
    """Writes a card into a file that does not exist yet.

    Raises:
        ModelError: the file exists, or the card would not match its schema.
    """
    import yaml

    from duetbench.atomic import write_text
    from duetbench.models.cards import check_card

    if path.exists():
        raise ModelError(f"{path} exists: remove it, or choose another name")
    check_card(dict(card.body), path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, yaml.safe_dump(dict(card.body), sort_keys=False, allow_unicode=True, width=120))


def _in_folder(model: str, on_progress: FetchProgress) -> _Described:
    from duetbench.models import resolve
    from duetbench.models.digests import file_digests
    from duetbench.models.folder import is_adapter
    from duetbench.models.origin import folder_of_path
    from duetbench.models.weight_files import read_header, weight_files
    from duetbench.models.weights import check_model

    folder = folder_of_path(model)
    if is_adapter(folder):
        raise ModelError(f"{folder} is an adapter, and cards describe complete models: use --model path:{folder}")
    on_progress("computing digests", 0, 0)
    reference = resolve(model)
    on_progress("checking the weights", 0, 0)
    check_model(reference)
    files = weight_files(folder)
    n = _n_parameters(folder, [header.shape for file in files for header in read_header(file).values()])
    estimate = n or sum(file.stat().st_size for file in files) / _BYTES_PER_PARAMETER
    source = {"kind": "folder", "path": str(folder), "files": file_digests(folder)}
    return _Described(folder, str(folder), source, n, estimate)


def _on_hub(model: str, on_progress: FetchProgress) -> _Described:
    from duetbench.models.digests import file_digests
    from duetbench.models.hub.repository import fetch_files, model_files, parse_hub_name, small_files, update

    hub = parse_hub_name(model)
    on_progress(f"asking the hub for {hub}", 0, 0)
    commit = update(hub)
    files, small = model_files(hub.repo, commit), small_files(hub.repo, commit)
    if not any(file.name == "config.json" for file in small):
        raise ModelError(f"{model} has no config.json: cards describe complete models; use --model {model}")
    folder = fetch_files(hub.repo, commit, [file.name for file in small], on_progress)
    stated = {file.name: file.sha256 for file in files if file.sha256}
    source = {
        "kind": "hub",
        "repo": hub.repo,
        "revision": commit,
        "disk_mb": -(-sum(file.size for file in files) // 10**6),
        "files": {**file_digests(folder), **stated},
    }
    estimate = sum(file.size for file in files) / _BYTES_PER_PARAMETER
    return _Described(folder, f"https://huggingface.co/{hub.repo}", source, None, estimate)


def _n_parameters(folder: Path, shapes: Sequence[tuple[int, ...]]) -> int | None:
    """The number of weights; None for packed ones, of which several are in one number."""
    from math import prod

    from duetbench.models.json_files import read_json

    return None if "quantization_config" in read_json(folder / "config.json") else sum(map(prod, shapes))


def _parameters_text(n: int) -> str:
    for unit, factor in (("billion", 1e9), ("million", 1e6)):
        if n >= factor:
            return f"{n / factor:.3g} {unit}"
    return f"{n:,}"


def _licence(folder: Path) -> str:
    """The licence that the head of the README states; `unknown` if there is none."""
    readme = folder / "README.md"
    if not readme.is_file():
        return "unknown"
    head = readme.read_text(encoding="utf-8", errors="replace")[:10_000].split("\n---", 1)[0]
    stated = _LICENCE.search(head) if head.startswith("---") else None
    return stated[1] if stated else "unknown"
