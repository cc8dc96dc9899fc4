"""Statistics of a request store."""

from __future__ import annotations

from dataclasses import dataclass

from duetbench.documents.json_text import parse_json
from duetbench.engines.store.database import RequestStore
from duetbench.errors import DocumentError


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """The number of answers of one kind from one engine."""

    engine: str
    model: str
    """Digest of the weights, or the served model's name."""
    adapter: str
    dtype: str
    verb: str
    answers: int
    failures: int
    """Requests without a stored answer; they are computed again."""

    @property
    def counts(self) -> tuple[int, int]:
        """Answers and failures."""
        return self.answers, self.failures


@dataclass(frozen=True, slots=True)
class StoreContents:
    """The size of a store, and what it contains."""

    bytes: int
    """Size on disk, write-ahead log included."""
    answers: tuple[StoredAnswers, ...]
    """Most answers first."""
    failures: dict[str, int]
    """Failed requests by status."""


def store_contents(store: RequestStore) -> StoreContents:
    """The size of a store with its counts by engine and kind of request."""
    rows = store.select(
        "SELECT e.body, verb, SUM(is_answer), SUM(1 - is_answer) FROM"
        " (SELECT engine, verb, 1 AS is_answer FROM answers UNION ALL SELECT engine, verb, 0 FROM failures)"
        " JOIN engines e ON engine = e.digest GROUP BY engine, verb ORDER BY 3 DESC",
        (),
    )
    failures = store.select("SELECT status, COUNT(*) FROM failures GROUP BY status ORDER BY 2 DESC", ())
    return StoreContents(
        _size(store), tuple(_stored_answers(*row) for row in rows), {str(status): int(n) for status, n in failures}
    )


def _stored_answers(body: str, verb: str, answers: int, failures: int) -> StoredAnswers:
    try:
        parts = parse_json(body, name="an engine of the store")
        described = (parts["name"], parts["model"], str(parts["adapter"] or ""), parts["dtype"])
    except (DocumentError, KeyError, TypeError):
        described = ("(damaged)", "", "", "")
    return StoredAnswers(*described, verb, answers, failures)


def _size(store: RequestStore) -> int:
    files = (store.path, store.path.with_name(store.path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.is_file())
