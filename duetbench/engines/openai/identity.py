"""What a server reports about itself and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from duetbench.engines.openai.client import ServerClient
from duetbench.engines.openai.errors import RequestRejected, quoted
from duetbench.errors import EngineError

_NAMED = ("root", "parent", "quantization", "checkpoint", "digest")
"""Fields of a model's entry that say what it is. `created` is not among them: some servers report their own start."""

_META = ("ftype", "n_params", "size", "n_vocab")
"""Fields of llama.cpp's `meta` that say what the file holds."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server reports; nothing of it is measured."""

    kind: str
    """The owner of the model, as servers report it: `vllm`, `sglang`, `llamacpp`, `openai`, ...; empty if it does
    not."""
    version: str
    model: str
    """What is known of the model besides its name: owner, base or folder, file, quantisation."""
    context_length: int | None
    """Tokens; None: not reported."""


def read_identity(client: ServerClient, name: str) -> ServerIdentity:
    """What the server reports about itself and the model of that name.

    Raises:
        EngineError: it cannot be reached, or does not serve the model.
    """
    try:
        listed = client.get("models").get("data")
    except RequestRejected:
        listed = None  # not every server lists its models
    entries = {
        str(entry.get("id")): entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)
    }
    known = {alias: entry for entry in entries.values() for alias in _aliases(entry)} | entries
    if known and name not in known:
        served = ", ".join(quoted(each) for each in sorted(entries)[:10])
        raise EngineError(f"{client.base_url} serves {served}, not '{name}'")
    entry = known.get(name, {})
    kind = str(entry.get("owned_by") or "").lower()
    props = _optional(client, "/props") if kind == "llamacpp" else {}
    tags = _ollama_entry(client, name) if kind == "library" else {}
    return ServerIdentity(
        quoted(kind), quoted(_version(client, kind, props)), _described(entry, props, tags), _context(entry, entries)
    )


def _aliases(entry: Mapping[str, Any]) -> list[str]:
    aliases = entry.get("aliases")
    return [str(alias) for alias in aliases] if isinstance(aliases, list) else []


def _context(entry: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> int | None:
    """The context length that vLLM and llama.cpp report; of an adapter that of its base."""
    meta = entry.get("meta")
    base = entries.get(str(entry.get("parent")), {})
    reported = (
        entry.get("max_model_len"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
        entry.get("context_length"),
        base.get("max_model_len"),
    )
    return next((value for value in reported if isinstance(value, int) and value > 0), None)


def _described(entry: Mapping[str, Any], props: Mapping[str, Any], tags: Mapping[str, Any]) -> str:
    meta = entry.get("meta")
    parts = {"owner": entry.get("owned_by"), **{name: entry.get(name) for name in _NAMED}}
    parts |= {name: meta.get(name) for name in _META} if isinstance(meta, dict) else {}
    parts |= {name: value for name, value in tags.items() if name in _NAMED}
    if path := props.get("model_path"):
        parts["file"] = PurePath(str(path)).name
    return "; ".join(f"{name} {quoted(str(value))}" for name, value in parts.items() if value)


def _version(client: ServerClient, kind: str, props: Mapping[str, Any]) -> str:
    match kind:
        case "vllm":
            return f"vllm {_optional(client, '/version').get('version', 'unknown')}"
        case "llamacpp":
            return f"llama.cpp {props.get('build_info', 'unknown')}"
        case "library":
            return f"ollama {_optional(client, '/api/version').get('version', 'unknown')}"
        case _:
            return kind or "unknown"


def _ollama_entry(client: ServerClient, name: str) -> dict[str, Any]:
    """Digest and quantisation of a model of Ollama."""
    models = _optional(client, "/api/tags").get("models")
    for entry in models if isinstance(models, list) else []:
        if isinstance(entry, dict) and entry.get("name") in (name, f"{name}:latest"):
            details = entry.get("details")
            level = details.get("quantization_level") if isinstance(details, dict) else None
            return {"digest": entry.get("digest"), "quantization": level}
    return {}


def _optional(client: ServerClient, path: str) -> dict[str, Any]:
    """The response; {} where the server has none."""
    try:
        return client.get(path)
    except RequestRejected:
        return {}
