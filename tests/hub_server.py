"""A server with the interface of the Hugging Face hub, for repositories in local folders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".bin")
"""Suffixes of files that the hub keeps in its large file storage."""


class FakeHub:
    """Repositories by name, each a folder whose content is the branch `main`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.requests: list[str] = []
        """Method and path of every request."""
        self.url = ""

    def commit(self, repo: str) -> str:
        """The commit of a repository: it changes with its files."""
        digests = sorted(f"{path.name} {_sha256(path)}" for path in self.repositories[repo].iterdir())
        return hashlib.sha1("\n".join(digests).encode()).hexdigest()

    def downloads(self) -> list[str]:
        """Names of the files that were sent."""
        return [line.rpartition("/")[2] for line in self.requests if line.startswith("GET") and "/resolve/" in line]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def hub_server() -> Iterator[FakeHub]:
    """The running server."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            return

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.requests.append(f"{self.command} {path}")
            parts = path.strip("/").split("/")
            repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
            if repo not in hub.repositories:
                self._fail(404, "RepoNotFound")
            elif repo in hub.gated:
                self._fail(403, "GatedRepo")
            elif parts[0] == "api" and parts[4] == "revision":
                self._describe(repo, parts[5])
            elif parts[0] == "api":
                self._list(repo, parts[5])
            else:
                self._send_file(repo, parts[4])

        def _describe(self, repo: str, revision: str) -> None:
            if revision not in ("main", hub.commit(repo)):
                self._fail(404, "RevisionNotFound")
            else:
                self._json({"id": repo, "modelId": repo, "sha": hub.commit(repo), "tags": [], "siblings": []})

        def _list(self, repo: str, revision: str) -> None:
            if revision not in ("main", hub.commit(repo)):
                self._fail(404, "RevisionNotFound")
                return
            self._json([_entry(path) for path in sorted(hub.repositories[repo].iterdir())])

        def _send_file(self, repo: str, name: str) -> None:
            path = hub.repositories[repo] / name
            if not path.is_file():
                self._fail(404, "EntryNotFound")
                return
            self._reply(200, path.read_bytes(), {"X-Repo-Commit": hub.commit(repo), "ETag": f'"{_sha256(path)}"'})

        def _json(self, body: Any) -> None:
            self._reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def _fail(self, status: int, code: str) -> None:
            self._reply(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

        def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _entry(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    entry: dict[str, Any] = {"type": "file", "path": path.name, "size": size, "oid": _sha256(path)[:40]}
    if path.suffix in LARGE:
        entry["lfs"] = {"oid": _sha256(path), "size": size, "pointerSize": 100}
    return entry
