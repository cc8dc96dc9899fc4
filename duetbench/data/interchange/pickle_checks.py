"""An unpickler that rebuilds pandas tables and nothing else, from arguments that are checked one by one.

A pickle is a program: it calls what it names with arguments of its choice. Refusing names is not enough, because the
functions that NumPy and pandas need for a table do harm with other arguments: `numpy.ndarray` of objects over foreign
bytes takes those bytes for pointers, and a state with slots replaces attributes of classes. Here each call, each new
object and each state must have the form that pandas 1 to 3 write.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from pandas.compat.pickle_compat import Unpickler  # type: ignore[import-untyped]

from duetbench.data.interchange.pickle_forms import (
    CALLS,
    NEW,
    OF_CLASSES,
    REPLACED,
    Refused,
    check_codes,
    check_manager,
    dtype_state,
    is_array_state,
    is_part_of_table,
    is_state,
)

__all__ = ["Refused", "TableUnpickler"]


class TableUnpickler(Unpickler):  # type: ignore[misc]
    """pandas' own unpickler, which knows the names of older versions, restricted to tables.

    Args:
        content: The pickle.
    """

    dispatch = Unpickler.dispatch.copy()

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._names: dict[int, str] = {}
        self._empty_arrays: dict[int, np.ndarray[Any, Any]] = {}
        """Arrays that have no state yet. A second state would free memory that views of the array still use."""

    def find_class(self, module: str, name: str) -> Any:
        """The object of that name, which must be one that tables have."""
        if not is_part_of_table(module, name):
            raise Refused(f"it refers to {module}.{name}")
        module = module.replace("numpy.core.", "numpy._core.")  # the name of numpy 1, which warns since numpy 2
        value = REPLACED.get((module, name)) or super().find_class(module, name)
        self._names[id(value)] = name
        return value

    def _name(self, value: Any) -> str:
        return self._names.get(id(value), f"a {type(value).__name__}")

    def _load_reduce(self) -> None:
        function, arguments = self.stack[-2], self.stack[-1]
        name = self._name(function)
        check = CALLS.get(name)
        if check is None or not isinstance(arguments, tuple) or not check(*arguments):
            raise Refused(f"it calls {name} with arguments that no table has")
        if name in OF_CLASSES and self._name(arguments[0]) not in OF_CLASSES[name]:
            raise Refused(f"it calls {name} with {self._name(arguments[0])}")
        super().load_reduce()
        result = self.stack[-1]
        if name == "_reconstruct":
            self._empty_arrays[id(result)] = result
        if name == "_restore_array":
            result.validate(full=True)
        if name == "BlockManager":
            check_manager(result)

    def _load_newobj(self) -> None:
        if self._name(self.stack[-2]) not in NEW or self.stack[-1] != ():
            raise Refused(f"it creates {self._name(self.stack[-2])}")
        super().load_newobj()

    def _load_build(self) -> None:
        target, state = self.stack[-2], self.stack[-1]
        if isinstance(target, np.ndarray):
            if self._empty_arrays.pop(id(target), None) is None or not is_array_state(state):
                raise Refused("it gives an array a state that no table has")
        elif isinstance(target, np.dtype):
            self.stack[-1] = dtype_state(target, state)
        elif type(target).__name__ not in NEW or isinstance(target, type) or not is_state(target, state):
            raise Refused(f"it gives {self._name(target)} a state that no table has")
        super().load_build()
        if type(target).__name__ == "BlockManager":
            check_manager(target)
        if type(target).__name__ == "Categorical":
            check_codes(target)

    def _refuse(self) -> None:
        raise Refused("it uses an instruction that no table needs")


def _into(opcode: int, kind: type, depth: int | None) -> Callable[[Any], None]:
    """An instruction that adds entries, restricted to one kind of container."""
    load = Unpickler.dispatch[opcode]

    def restricted(self: Any) -> None:
        stack = self.metastack[-1] if depth is None else self.stack
        if type(stack[-1 if depth is None else -1 - depth]) is not kind:
            raise Refused("it adds entries to an object that is no container")
        load(self)

    return restricted


for _code, _kind, _depth in (
    (pickle.APPEND, list, 1),
    (pickle.APPENDS, list, None),
    (pickle.SETITEM, dict, 2),
    (pickle.SETITEMS, dict, None),
    (pickle.ADDITEMS, set, None),
):
    TableUnpickler.dispatch[_code[0]] = _into(_code[0], _kind, _depth)
for _code in (
    *(pickle.OBJ, pickle.INST, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4),
    *(pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
):
    TableUnpickler.dispatch[_code[0]] = TableUnpickler._refuse
TableUnpickler.dispatch[pickle.REDUCE[0]] = TableUnpickler._load_reduce
TableUnpickler.dispatch[pickle.NEWOBJ[0]] = TableUnpickler._load_newobj
TableUnpickler.dispatch[pickle.BUILD[0]] = TableUnpickler._load_build
