"""The tokens of labels after an answer prefix, as a tree: labels of several tokens share the beginnings they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.errors import EngineError
from duetbench.types import Message

Path = tuple[int, ...]
"""Tokens after the answer prefix."""

_ANY_MESSAGES = (Message("user", "x"),)
"""The header of the assistant's turn separates prefill and messages: the prefill's tokens do not depend on them."""


@dataclass(frozen=True, slots=True)
class LabelTree:
    """The tokens of labels, and which of them have to be read after which beginning.

    The probability of a label is the product along its tokens. Where longer labels begin with it (`1` and `10`), it is
    multiplied by the probability that none of their next tokens follows. So labels exclude each other, and each means
    the same: the completion begins with this label, and with no longer one.
    """

    labels: tuple[Path, ...]
    """The tokens of each label, distinct."""

    @property
    def nodes(self) -> tuple[Path, ...]:
        """Beginnings after which a token is read, the empty one first, each one once."""
        beginnings = {label[:length] for label in self.labels for length in range(len(label))}
        return tuple(sorted(beginnings, key=lambda path: (len(path), path)))

    @property
    def depth(self) -> int:
        """Tokens of the longest label."""
        return max(map(len, self.labels))

    def following(self, node: Path) -> tuple[int, ...]:
        """The tokens to read after a beginning, in the order of the labels."""
        size = len(node)
        return tuple(dict.fromkeys(label[size] for label in self.labels if len(label) > size and label[:size] == node))

    def logprobs(self, read: Sequence[Sequence[float]]) -> tuple[float, ...]:
        """The log-probability of each label.

        Args:
            read: Of each node the log-probabilities of its following tokens, in the order of `nodes` and `following`.
        """
        of_path = {
            (*node, token): logprob
            for node, logprobs in zip(self.nodes, read, strict=True)
            for token, logprob in zip(self.following(node), logprobs, strict=True)
        }
        return tuple(self._logprob(label, of_path) for label in self.labels)

    def _logprob(self, label: Path, of_path: dict[Path, float]) -> float:
        along = math.fsum(of_path[label[:length]] for length in range(1, len(label) + 1))
        longer = math.fsum(math.exp(of_path[(*label, token)]) for token in self.following(label))
        return along + _log_of_rest(longer) if longer else along


def _log_of_rest(share: float) -> float:
    """The logarithm of 1 - share, down to what single precision can tell from 0."""
    return math.log1p(-min(share, 1 - 2**-24))


def label_tree(chat: ChatTemplate, prefill: str, labels: Sequence[str]) -> LabelTree:
    """The tokens of each label after a prefill.

    Raises:
        EngineError: the tokens of the prefill change when a label follows it, or two labels are the same; the message
            names a prefix that works if there is one.
    """
    tree = _tree_after(chat, prefill, labels)
    if tree is None:
        working = [variant for variant in _variants(prefill) if _tree_after(chat, variant, labels) is not None]
        remedy = f"end the prefix as in {working[0]!r}" if working else "choose other labels or another prefix"
        listed = ", ".join(map(repr, labels))
        raise EngineError(f"labels {listed} have no distinct tokens of their own after {prefill!r}; {remedy}")
    return tree


def _tree_after(chat: ChatTemplate, prefill: str, labels: Sequence[str]) -> LabelTree | None:
    start = chat.ids(_ANY_MESSAGES, prefill)
    paths: list[Path] = []
    for label in labels:
        ids = chat.ids(_ANY_MESSAGES, prefill + label)
        if ids[: len(start)] != start or len(ids) == len(start):
            return None
        paths.append(tuple(ids[len(start) :]))
    return LabelTree(tuple(paths)) if len(set(paths)) == len(paths) else None


def _variants(prefill: str) -> list[str]:
    stripped = prefill.rstrip()
    return [stripped + " ", stripped, stripped + "\n"]
