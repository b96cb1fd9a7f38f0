"""Check the arguments of numpy's factories before numpy allocates memory."""

from __future__ import annotations

import math
import re
import sys

from collections.abc import Callable
from typing import Any

from versionpickle._pickles.build.deferred import SETTLED
from versionpickle._pickles.numpy_values import (
    is_array,
    is_dtype,
    is_empty_start,
    is_masked_array,
    masked_array,
)


_CODE = re.compile(r"[?bBhHiIlLqQefdgFDGcuSUVOMm]\d{0,10}")
_UNITS = frozenset(
    {"Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"}
)
_EMPTY_ITEMS = 2**16
"""How many items of no bytes an array may have."""

_ALIGNED = 0x80
_OF_OBJECTS = 0x3F
"""The flags of a dtype by which numpy knows that there are references among the bytes."""


def is_array_call(args: tuple[Any, ...], digits: int = 0) -> bool:
    numpy: Any = sys.modules["numpy"]
    return len(args) == 3 and is_empty_start(args[0], numpy.ndarray, *args[1:])


def is_masked_call(args: tuple[Any, ...], digits: int = 0) -> bool:
    is_whole = len(args) == 4 and is_array_call(args[1:])
    return is_whole and is_empty_start(args[0], masked_array(), *args[2:])


def is_scalar_call(args: tuple[Any, ...], digits: int = 0) -> bool:
    if len(args) != 2 or not is_dtype(args[0]):
        return False
    dtype, value = args
    if not dtype.hasobject:
        return type(value) in {bytes, str} and len(value) == dtype.itemsize
    is_item = dtype.fields is not None and type(value) is sys.modules["numpy"].ndarray
    return is_item and bool(value.dtype == dtype) and value.shape == ()


def is_buffer_call(args: tuple[Any, ...], digits: int = 0) -> bool:
    if len(args) not in {4, 5} or not is_dtype(args[1]) or args[1].hasobject:
        return False
    buffer, dtype, shape, order, *axes = args
    if not _is_shape(shape) or not dtype.itemsize:
        return False
    is_ordered = order in {"C", "F"} if not axes else order == "K" and _is_order(axes[0], shape)
    return is_ordered and _size(buffer) == math.prod(shape) * dtype.itemsize


def is_dtype_call(args: tuple[Any, ...], digits: int = 0) -> bool:
    if len(args) != 3 or not all(type(arg) in {bool, int} for arg in args[1:]):
        return False
    if args[1] not in {0, 1} or args[2] != 1:  # a copy, which may get a state
        return False
    code = args[0].decode("latin1") if type(args[0]) is bytes else args[0]
    if type(code) is str:
        return _CODE.fullmatch(code) is not None
    return isinstance(code, type) and issubclass(code, sys.modules["numpy"].generic)


NUMPY_CALLS: dict[str, Callable[[tuple[Any, ...], int], bool]] = {
    "_reconstruct": is_array_call,
    "_mareconstruct": is_masked_call,
    "scalar": is_scalar_call,
    "_frombuffer": is_buffer_call,
    "dtype": is_dtype_call,
}
"""By name; what is not here is not called at all."""


def _is_shape(shape: Any) -> bool:
    return type(shape) is tuple and all(type(size) is int and size >= 0 for size in shape)


def _is_order(axes: Any, shape: tuple[int, ...]) -> bool:
    return _is_shape(axes) and sorted(axes) == [*range(len(shape))]


def _size(buffer: Any) -> int:
    try:
        with memoryview(buffer) as view:
            return view.nbytes
    except TypeError:
        return -1


# States


def is_numpy_state(obj: Any, state: Any) -> bool | None:
    """Return whether numpy writes this state for *obj*; None where that is nothing of numpy's."""
    if is_dtype(obj):
        return is_dtype_state(obj, state)
    if is_masked_array(obj):
        return is_masked_state(state)
    return is_array_state(state) if is_array(obj) else None


def is_array_state(state: Any) -> bool:
    if type(state) is not tuple or len(state) != 5:
        return False
    version, shape, dtype, is_fortran, data = state
    is_sound = type(version) is int and version == 1 and type(is_fortran) in {bool, int}
    return is_sound and _is_shape(shape) and is_dtype(dtype) and _holds(data, dtype, shape)


def is_masked_state(state: Any) -> bool:
    if type(state) is not tuple or len(state) != 7 or not is_array_state(state[:5]):
        return False
    _, shape, dtype, _, _, mask, fill = state
    mask_dtype = sys.modules["numpy"].ma.make_mask_descr(dtype)
    is_fill = fill is None or (is_array(fill) and fill.shape == ())
    return is_fill and _holds(mask, mask_dtype, shape)


def _holds(data: Any, dtype: Any, shape: tuple[int, ...]) -> bool:
    count = math.prod(shape)
    is_whole = type(data) is list and len(data) == count
    if dtype.kind == "T":
        return is_whole and all(type(item) in SETTLED for item in data)
    if dtype.hasobject:
        return is_whole and (dtype.kind == "O" or all(_is_row(item, dtype) for item in data))
    if not dtype.itemsize and count > _EMPTY_ITEMS:
        return False
    return type(data) in {bytes, bytearray, str} and len(data) == count * dtype.itemsize


def _is_row(item: Any, dtype: Any) -> bool:
    """Return whether this is an item of a structured array, whose parts alone numpy iterates."""
    if type(item) is not tuple or dtype.fields is None or len(item) != len(dtype.names):
        return False
    kinds = [dtype.fields[name][0] for name in dtype.names]
    pairs = zip(item, kinds, strict=True)
    return all(kind.kind == "O" or (kind.kind != "V" and _is_single(part)) for part, kind in pairs)


def _is_single(part: Any) -> bool:
    """Return whether numpy takes this for one number or text, without looking into it."""
    return type(part) in SETTLED or isinstance(part, sys.modules["numpy"].generic)


def is_dtype_state(dtype: Any, state: Any) -> bool:
    """
    Return whether numpy writes this state for a dtype.

    numpy believes what it says of sizes, places and references, so the dtype that it
    describes is made from scratch, and must describe the same.
    """
    if type(state) is not tuple or len(state) not in {8, 9} or type(state[0]) is not int:
        return False
    order = state[1].decode("latin1") if type(state[1]) is bytes else state[1]
    if state[0] not in {3, 4} or type(order) is not str or order not in {"<", ">", "|", "="}:
        return False
    if not all(type(number) is int for number in state[5:8]):
        return False
    try:
        made = _described(dtype, state)
    except (TypeError, ValueError, OverflowError):
        return False
    return made is not None and any(
        _says(one.newbyteorder(order) if one.kind != "V" else one, order, state) for one in made
    )


def _described(dtype: Any, state: tuple[Any, ...]) -> list[Any] | None:
    """Return the dtypes that a state may mean; None where it means none."""
    numpy: Any = sys.modules["numpy"]
    _, _, part, names, fields, size, *_ = state
    if dtype.kind in "mM":
        unit = _unit(*state[8:])
        return None if unit is None else [numpy.dtype(f"{dtype.kind}8{unit}")]
    if len(state) == 9 and type(state[8]) is not dict:
        return None
    if part is None and names is None and fields is None:
        return [dtype]
    if dtype.kind != "V":
        return None
    if part is not None:
        return _of_part(part, size) if names is fields is None else None
    return _of_fields(names, fields, size)


def _of_part(part: Any, size: int) -> list[Any] | None:
    """Describe an array of a fixed shape within each item."""
    if type(part) is not tuple or len(part) != 2 or not is_dtype(part[0]):
        return None
    if not _is_shape(part[1]) or not size or math.prod(part[1]) * part[0].itemsize != size:
        return None
    return [sys.modules["numpy"].dtype(part)]


def _of_fields(names: Any, fields: Any, size: int) -> list[Any] | None:
    if type(names) is not tuple or type(fields) is not dict:
        return None
    if not all(type(name) is str and name in fields for name in names):
        return None
    places = [fields[name] for name in names]
    if not all(map(_is_place, places)):
        return None
    titles = {name: place[2] for name, place in zip(names, places, strict=True) if place[2:]}
    if len(fields) != len({*names, *titles.values()}):
        return None
    described = {
        "names": [*names],
        "formats": [place[0] for place in places],
        "offsets": [place[1] for place in places],
        "titles": [titles.get(name) for name in names],
        "itemsize": size,
    }
    return [_made(described, align=False), *_aligned(described)]


def _aligned(described: dict[str, Any]) -> list[Any]:
    try:
        return [_made(described, align=True)]
    except ValueError:  # its fields are not
        return []


def _made(described: dict[str, Any], *, align: bool) -> Any:
    return sys.modules["numpy"].dtype(described, align=align)


def _is_place(place: Any) -> bool:
    if type(place) is not tuple or len(place) not in {2, 3} or not is_dtype(place[0]):
        return False
    is_text = all(type(title) is str for title in place[2:])
    return is_text and type(place[1]) is int and place[0].itemsize > 0


def _unit(*metadata: Any) -> str | None:
    """Return the unit of a datetime64, in brackets."""
    if len(metadata) != 1 or type(metadata[0]) is not tuple or len(metadata[0]) != 2:
        return None
    found = metadata[0][1]
    if type(found) is not tuple or [*map(type, found[1:])] != [int, int, int]:
        return None
    unit = found[0].decode("latin1") if type(found[0]) is bytes else found[0]
    if type(unit) is not str or unit not in _UNITS or found[2:] != (1, 1):
        return None
    return "" if unit == "generic" else f"[{found[1]}{unit}]"


def _says(dtype: Any, order: str, state: tuple[Any, ...]) -> bool:
    """Return whether numpy writes the same numbers for this dtype."""
    written = dtype.__reduce__()[2]
    size, alignment, flags = state[5:8]
    is_flagged = flags & _OF_OBJECTS == written[7] & _OF_OBJECTS or (
        not dtype.hasobject and not flags & 0x0F & ~0x08  # which older versions set otherwise
    )
    return (
        is_flagged
        and (written[1] == order or dtype.kind == "V" or order == "=")
        and written[5:7] == (size, alignment)
        and (flags & _ALIGNED == written[7] & _ALIGNED)
    )
