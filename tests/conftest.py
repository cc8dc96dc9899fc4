"""What all tests share: no network, no plugin of the user's own, a cache of their own, the real data if there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before any test imports huggingface_hub, which reads it once
os.environ["HF_HUB_CACHE"] = os.path.join(os.sep, "nowhere", "hub")  # not the user's, whose models tests must not see
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: tests run tiny models, and sums keep one order
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and boards in a pipe are as wide as it says

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for the whole session, never the user's: what one test prepared, the next may reuse."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DUETBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    for name in ("DUETBENCH_PLUGINS", "DUETBENCH_DISABLE_PLUGINS", "DUETBENCH_MODELS"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on `sys.path` for installed packages; modules that a test imports from it are forgotten again."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return folder


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with parts of the real datasets; skips where it is absent."""
    folder = Path(os.environ.get("DUETBENCH_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not (folder / "amazon-2014-digital-music-part").is_dir():
        pytest.skip(f"no real data in {folder}: set DUETBENCH_TEST_DATA")
    return folder
