"""YAML with bounds: size, depth, aliases, digits; keys are text and occur once.

The values are those of JSON: no dates, sets or bytes. A bound is checked while the text is parsed, before aliases are
followed, so that neither values nor messages ever hold an expanded bomb.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn

import yaml

from duetbench.documents.bounds import MAX_DEPTH, MAX_DIGITS, read_text
from duetbench.errors import DocumentError

MAX_YAML_BYTES = 1_000_000
"""The files of this project have some KB; the parser needs 20 s for a file of this size."""

MAX_EXPANDED = 2_000_000
"""Values and characters of a file with every alias written out."""

MAX_INTEGER = 2**64 - 1
"""Largest absolute value of an integer: a larger one fits neither a seed nor a column."""

_TAG = "tag:yaml.org,2002:"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def load_yaml(path: Path, *, numbers_as_text: bool = False, max_bytes: int = MAX_YAML_BYTES) -> Any:
    """The values in a YAML file, None if it is empty.

    Args:
        path: The file.
        numbers_as_text: Whether every scalar stays text, so that `0.9500` keeps its zeros.
        max_bytes: Its maximum size.

    Raises:
        DocumentError: it is not valid YAML, exceeds a bound, has a key twice, or has a key that is no text; names the
            file, the line and the column.
        OSError: it cannot be read.
    """
    loader_class = _TextLoader if numbers_as_text else _Loader
    try:
        loader = loader_class(read_text(path, max_bytes))
        return loader.get_single_data()
    except _Refused as error:
        raise DocumentError(f"{path}: {_position(error.problem_mark)}{error.problem}") from error
    except yaml.MarkedYAMLError as error:
        text = " ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError(f"{path}: not valid YAML: {_position(error.problem_mark)}{text}") from error
    except yaml.YAMLError as error:
        raise DocumentError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that is not accepted."""

    def __init__(self, problem: str, mark: yaml.Mark | None) -> None:
        super().__init__(problem=problem, problem_mark=mark)


def _position(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


class _Loader(yaml.SafeLoader):
    """The values of JSON, within the bounds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._sizes: dict[str, int] = {}
        """Values and characters below each anchor, its aliases written out."""
        self._expanded = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark, anchor = event.start_mark, getattr(event, "anchor", None)
        if self._depth >= MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH} levels", mark)
        if isinstance(event, yaml.AliasEvent) and anchor:
            self._add(self._size_of_alias(anchor, mark), mark)
            return super().compose_node(parent, index)
        before = self._expanded
        self._add(1 + len(getattr(event, "value", None) or ""), mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor:
            self._sizes[anchor] = self._expanded - before
        return node

    def _size_of_alias(self, anchor: str, mark: yaml.Mark) -> int:
        if anchor in self.anchors and anchor not in self._sizes:
            raise _Refused(f"alias '*{anchor[:80]}' refers to a value that contains it", mark)
        return self._sizes.get(anchor, 0)

    def _add(self, size: int, mark: yaml.Mark) -> None:
        self._expanded += size
        if self._expanded > MAX_EXPANDED:
            raise _Refused(f"larger than {MAX_EXPANDED:,} characters once its aliases are written out", mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        names: set[str] = set()
        for key, _ in node.value:
            if key.tag not in (_TAG + "str", _TAG + "merge", _TAG + "timestamp"):
                shown = f'{key.value[:80]}: write it as "{key.value[:80]}"' if isinstance(key.value, str) else "a list"
                raise _Refused(f"a key must be text, got {shown}", key.start_mark)
            if key.value in names:
                raise _Refused(f"key {key.value[:80]!r} is given twice in the same mapping", key.start_mark)
            names.add(key.value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, IndexError) as error:  # `!!bool x`, `!!int ""`
            kind = node.tag.removeprefix(_TAG)
            raise _Refused(f"not a value of type '{kind[:80]}': {str(error)[:80]}", node.start_mark) from error

    def construct_scalar(self, node: Any) -> str:
        text = str(super().construct_scalar(node))
        if _UNPRINTABLE.search(text):
            raise _Refused("the text has a control character", node.start_mark)
        return text

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value = super().construct_yaml_int(node) if len(node.value) <= MAX_DIGITS else None
        if value is None or abs(value) > MAX_INTEGER:
            raise _Refused(f"an integer beyond 64 bits, of {len(node.value):,} characters", node.start_mark)
        return int(value)

    def refuse(self, node: yaml.Node) -> NoReturn:
        """Raises the error for a tag whose values JSON does not have."""
        raise _Refused(f"the tag '{node.tag[:80]}' is not supported", node.start_mark)


_Loader.yaml_constructors = {
    _TAG + "null": _Loader.construct_yaml_null,
    _TAG + "bool": _Loader.construct_yaml_bool,
    _TAG + "int": _Loader.construct_yaml_int,
    _TAG + "float": _Loader.construct_yaml_float,
    _TAG + "timestamp": _Loader.construct_yaml_str,  # a date stays as it is written
    _TAG + "str": _Loader.construct_yaml_str,
    _TAG + "seq": _Loader.construct_yaml_seq,
    _TAG + "map": _Loader.construct_yaml_map,
    None: _Loader.refuse,
}


class _TextLoader(_Loader):
    """Every scalar is text."""


_TextLoader.yaml_implicit_resolvers = {}
