"""Reports the progress of the hub's client in place of its own bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duetbench.models.sources import FetchProgress


def progress_class(repo: str, on_progress: FetchProgress) -> type:
    """A class that the hub's client uses as a progress bar: the one that counts bytes written reports them."""
    from huggingface_hub.utils.tqdm import tqdm

    class ReportedBytes(tqdm):
        """Shows nothing and reports."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            self._is_reported = str(settings.get("desc") or "").startswith("Reconstructing")
            settings.pop("name", None)
            super().__init__(*args, **{**settings, "disable": True})  # type: ignore[no-untyped-call]
            self.n_done = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.n_done += int(n or 0)
            if self._is_reported:
                on_progress(f"fetching {repo}", self.n_done, int(self.total or 0))
            return None

    return ReportedBytes
