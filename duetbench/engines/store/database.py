"""The file behind the request store: SQLite in WAL mode, one transaction per batch."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.digests import digest_of_text
from duetbench.documents.json_text import parse_json
from duetbench.engines.store.keys import RequestKey
from duetbench.errors import DocumentError, StoreError
from duetbench.paths import cache_dir

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

FORMAT = 1
"""Version of the tables, kept in the file; raise it when they change."""

_LOCK_TIMEOUT = 120.0
"""Seconds to wait for another process's transaction."""

_TABLES = """
CREATE TABLE IF NOT EXISTS engines (digest TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, verb TEXT NOT NULL, engine TEXT NOT NULL, settings TEXT NOT NULL,
    content_digest TEXT NOT NULL, content BLOB NOT NULL, prompt_key TEXT NOT NULL,
    answer TEXT NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by_content ON answers (content_digest);
CREATE INDEX IF NOT EXISTS answers_by_prompt ON answers (prompt_key);
CREATE TABLE IF NOT EXISTS failures (
    key TEXT PRIMARY KEY, verb TEXT NOT NULL, engine TEXT NOT NULL, settings TEXT NOT NULL,
    content_digest TEXT NOT NULL, content BLOB NOT NULL, prompt_key TEXT NOT NULL,
    status TEXT NOT NULL, error TEXT NOT NULL, times INTEGER NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failures_by_prompt ON failures (prompt_key);
"""


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """The result of a request."""

    key: RequestKey
    answer: dict[str, Any] | None
    """JSON values to store; None if the request failed."""
    status: str = "ok"
    error: str = ""


def default_store() -> Path:
    """The store that all runs of a user share by default."""
    return cache_dir("store", "requests.sqlite")


class RequestStore:
    """Answers by content: a request that was computed once is never computed again.

    Several processes may use one file at once. The file must be on a local disk: SQLite's write-ahead log does not
    work over network file systems.

    Args:
        path: The file; created if it does not exist.

    Raises:
        StoreError: the file is damaged, has another format, or cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._writer: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None
        with self._store_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(
                self.path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            self._prepare()

    def get(self, keys: Sequence[RequestKey]) -> dict[str, dict[str, Any] | None]:
        """The stored answers by key; a key without an answer is missing, a damaged answer is None."""
        answers: dict[str, dict[str, Any] | None] = {}
        digests = [key.digest for key in keys]
        with self._lock, self._store_errors():
            for start in range(0, len(digests), 500):
                chunk = digests[start : start + 500]
                marks = ",".join("?" * len(chunk))
                rows = self.connection.execute(
                    f"SELECT key, CAST(answer AS BLOB) FROM answers WHERE key IN ({marks})", chunk
                )
                answers.update((key, _answer(key, body)) for key, body in rows)
        return answers

    def put(self, outcomes: Iterable[RequestOutcome], *, damaged: Collection[str] = ()) -> None:
        """Stores answers, all or none of them; failures are stored separately and never returned as answers.

        An answer that another process has stored in the meantime is kept: the first one counts.

        Args:
            outcomes: The results.
            damaged: Keys whose stored answer is damaged and is replaced.
        """
        with self._lock, self._store_errors(), self._transaction() as connection:
            for outcome in outcomes:
                key = outcome.key
                engine = digest_of_text(key.engine)
                connection.execute("INSERT OR IGNORE INTO engines VALUES (?, ?)", (engine, key.engine))
                request = (key.digest, key.verb, engine, key.settings, *_packed(key.content), key.prompt_key)
                if outcome.answer is None:
                    self._put_failure(request, outcome)
                    continue
                body = json.dumps(outcome.answer)
                conflict = "REPLACE" if key.digest in damaged else "IGNORE"
                row = (*request, body, time.time())
                connection.execute(f"INSERT OR {conflict} INTO answers VALUES ({'?,' * 8}?)", row)
                connection.execute("DELETE FROM failures WHERE key = ?", (key.digest,))

    def put_later(self, outcomes: Sequence[RequestOutcome], *, damaged: Collection[str] = ()) -> None:
        """Stores answers in another thread, so that an engine need not wait; see `put`.

        Waits for the call before this one, so that a process that is killed loses what is being computed, and at most
        one more batch.

        Raises:
            StoreError: the call before this one failed.
        """
        from concurrent.futures import ThreadPoolExecutor

        self.flush()
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending = self._writer.submit(self.put, outcomes, damaged=damaged)

    def flush(self) -> None:
        """Waits until everything is stored.

        Raises:
            StoreError: the last call of `put_later` failed.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def select(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows of a read-only query, for reports."""
        with self._lock, self._store_errors():
            return self.connection.execute(query, values).fetchall()

    def copy_to(self, file: Path, models: Collection[str]) -> None:
        """Writes a new store with the answers of some models and of their adapters.

        Args:
            file: The new file; one that exists is replaced.
            models: Texts that identify the weights in an engine's description, such as their digests.
        """
        self.flush()
        file.unlink(missing_ok=True)
        RequestStore(file).close()
        with self._lock, self._store_errors():
            described = self.select("SELECT digest, body FROM engines", ())
            engines = [digest for digest, body in described if any(model in body for model in models)]
            self.connection.execute("ATTACH DATABASE ? AS copy", (str(file),))
            try:
                for table, column in (("engines", "digest"), ("answers", "engine")):
                    query = f"INSERT INTO copy.{table} SELECT * FROM main.{table} WHERE {column} = ?"
                    self.connection.executemany(query, [(digest,) for digest in engines])
                self.connection.execute("PRAGMA copy.journal_mode = DELETE")  # a single file, without a log next to it
            finally:
                self.connection.execute("DETACH DATABASE copy")

    def close(self) -> None:
        """Closes the file after everything is stored."""
        try:
            self.flush()
        finally:
            if self._writer is not None:
                self._writer.shutdown()
            with self._lock:
                self.connection.close()

    def _put_failure(self, request: tuple[Any, ...], outcome: RequestOutcome) -> None:
        self.connection.execute(
            f"INSERT INTO failures VALUES ({'?,' * 10}?) ON CONFLICT (key) DO UPDATE SET"
            " status = excluded.status, error = excluded.error, times = times + 1, stored_at = excluded.stored_at",
            (*request, outcome.status, outcome.error, 1, time.time()),
        )

    def _prepare(self) -> None:
        from filelock import FileLock

        connection = self.connection
        if self._format() == FORMAT:
            connection.execute("PRAGMA synchronous = NORMAL")
            return
        # Unlike everything else, changing the journal mode does not wait for other processes.
        with FileLock(f"{self.path}.lock", timeout=_LOCK_TIMEOUT):
            version = self._format()
            if version not in (0, FORMAT):
                raise StoreError(
                    f"request store {self.path} has format {version}, this version writes {FORMAT}; move it away"
                )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing that was committed
            if version == 0:
                connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {FORMAT};COMMIT;")

    def _format(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(_message(self.path, error)) from error


def _answer(key: str, body: bytes) -> dict[str, Any] | None:
    try:
        answer = parse_json(body, name=key)
    except DocumentError:
        return None
    return answer if isinstance(answer, dict) else None


def unpacked(content: bytes) -> str:
    """The content of a request as JSON text, from a row of the store."""
    return zlib.decompress(content).decode("utf-8", "surrogatepass")


def _packed(content: str) -> tuple[str, bytes]:
    return digest_of_text(content), zlib.compress(content.encode("utf-8", "surrogatepass"))


def _message(path: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    subject = f"request store {path}"
    if "disk is full" in text or "No space left" in text:
        return f"{subject}: no space is left on the disk; free some and run again: stored answers are kept"
    if "readonly" in text or isinstance(error, PermissionError):
        return f"{subject} is not writable; set DUETBENCH_CACHE to a writable folder"
    if "locked" in text:
        return f"{subject} was busy for {_LOCK_TIMEOUT:.0f} s; is a process stuck, or is it on a network file system?"
    if "not a database" in text or "malformed" in text:
        return f"{subject} is damaged ({text}); move it away and run again: only its answers are computed again"
    return f"{subject} cannot be used: {text}"
