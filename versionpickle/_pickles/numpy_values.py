"""numpy's arrays, scalars and dtypes as value types, if numpy is imported."""

from __future__ import annotations

import importlib
import sys
import types

from collections.abc import Callable
from typing import Any, TypeGuard

from versionpickle._classes.named_sets import NUMPY_CLASSES, NUMPY_CORES, NUMPY_FUNCTIONS


def is_empty_start(cls: Any, kind: Any, shape: Any, code: Any) -> bool:
    """Return whether this is how picklers begin an array: empty, as its state brings the items."""
    is_class = isinstance(cls, type) and issubclass(cls, kind)
    return is_class and type(shape) is tuple and shape == (0,) and code in {b"b", "b"}


def _reconstruct(cls: Any, shape: Any, code: Any) -> Any:
    """Begin an array as numpy's own function does, but none that is allocated already."""
    if not is_empty_start(cls, _of_numpy("ndarray"), shape, code):
        raise ValueError("an array begins with items that no pickle of an array holds there")
    return _theirs("multiarray", "_reconstruct")(cls, shape, code)


def scalar(dtype: Any, value: Any) -> Any:
    """Return a scalar of these bytes; without any, numpy would allocate what the dtype says."""
    return _theirs("multiarray", "scalar")(dtype, value)


def _frombuffer(*args: Any) -> Any:
    return _theirs("numeric", "_frombuffer")(*args)


def _mareconstruct(cls: Any, base: Any, shape: Any, code: Any) -> Any:
    """Begin a masked array, with no items as well."""
    is_begun = is_empty_start(base, _of_numpy("ndarray"), shape, code)
    if not (is_begun and is_empty_start(cls, masked_array(), shape, code)):
        raise ValueError("a masked array begins with items that no pickle of one holds there")
    return sys.modules["numpy.ma.core"]._mareconstruct(cls, base, shape, code)


_BY_NAME = {one.__name__: one for one in (_mareconstruct, _reconstruct, scalar, _frombuffer)}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    ref: _BY_NAME[ref.partition(":")[2]] for ref in NUMPY_FUNCTIONS
}
_CALLED = frozenset(_BY_NAME.values())
_KNOWN = frozenset({*NUMPY_CLASSES, *NUMPY_FUNCTIONS})


def is_numpy_value(module: str, name: str) -> bool:
    """Return whether this names a value of numpy's, be it imported or not."""
    return f"{module}:{name}" in _KNOWN


def is_numpy_function(found: Any) -> bool:
    return type(found) is types.FunctionType and found in _CALLED


def is_imported() -> bool:
    return "numpy" in sys.modules


def numpy_value(module: str, name: str) -> Any:
    """Return a class of numpy's, or what calls its function with arguments that were looked at."""
    importlib.import_module("numpy")  # which a declaration names, or the program has imported
    function = _FUNCTIONS.get(f"{module}:{name}")
    if function is not None:
        return function
    return getattr(importlib.import_module(module), name)


def is_array(obj: Any) -> bool:
    """Return whether this takes the state of an array, and reads it with numpy's own function."""
    return is_imported() and _reads_as_array(obj, _of_numpy("ndarray"))


def _reads_as_array(obj: Any, array: Any) -> bool:
    return isinstance(obj, array) and type(obj).__setstate__ is array.__setstate__


def is_masked_array(obj: Any) -> bool:
    return "numpy.ma.core" in sys.modules and type(obj) is masked_array()


def is_dtype(obj: Any) -> TypeGuard[Any]:
    return is_imported() and isinstance(obj, _of_numpy("dtype"))


def masked_array() -> Any:
    return sys.modules["numpy.ma.core"].MaskedArray


def _of_numpy(name: str) -> Any:
    return getattr(sys.modules["numpy"], name)


def _theirs(module: str, name: str) -> Any:
    core = NUMPY_CORES["numpy._core" not in sys.modules]
    return getattr(importlib.import_module(core + module), name)
