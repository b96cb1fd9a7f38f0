"""An object as JSON, to compare a sample with years later."""

from __future__ import annotations

import enum
import json
import math
import re
import types

from typing import Any

from versionpickle._classes.instrument import instrumentation_of
from versionpickle._classes.plain import reduced
from versionpickle._classes.stored_state import unpacked
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import Stamp, is_stamped
from versionpickle.migrations import Registry
from versionpickle.migrations._fields import as_dict

from .order import rank


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def snapshot(obj: Any) -> Any:
    """
    Describe *obj* as what `json` can store, attribute by attribute.

    >>> snapshot([1, (2.5, None), {"a": b"x"}])
    [1, {'tuple': [2.5, None]}, {'dict': [['a', {'bytes': "b'x'"}]]}]
    """
    return _Snapshot().describe(obj)


def description(obj: Any) -> dict[str, Any]:
    """Return the snapshot of *obj*, and the versions of the classes in it and of their bases."""
    snapshots = _Snapshot()
    described = snapshots.describe(obj)
    return {"versions": snapshots.versions, "object": described}


def is_same(one: Any, other: Any) -> bool:
    """Return whether two snapshots are equal, of which 1, 1.0 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def translated(snapshot: Any, registry: Registry) -> Any:
    """Return a snapshot with today's names of classes that have moved."""
    if isinstance(snapshot, list):
        return [translated(part, registry) for part in snapshot]
    if not isinstance(snapshot, dict):
        return snapshot
    return {name: _translated(name, part, registry) for name, part in snapshot.items()}


def _translated(name: str, part: Any, registry: Registry) -> Any:
    if name == "class":
        return ref_today(part, registry)
    if name == "member":
        ref, _, member = part.rpartition(".")
        return f"{ref_today(ref, registry)}.{member}"
    return translated(part, registry)


def ref_today(ref: str, registry: Registry) -> str:
    declaration = registry.declaration(ref)
    return ref if declaration is None else declaration.ref


NAMED = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)


class _Snapshot:
    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, Any]] = {}
        self.versions: dict[str, list[int]] = {}

    def describe(self, obj: Any) -> Any:
        if obj is None or type(obj) in {bool, int, str}:
            return obj
        if type(obj) is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        if type(obj) in {bytes, complex}:
            return {type(obj).__name__: repr(obj)}
        if isinstance(obj, NAMED):
            return {"name": name_shown(obj)}
        if id(obj) in self._seen:
            return {"seen": self._seen[id(obj)][0]}
        self._seen[id(obj)] = len(self._seen), obj
        return self._describe_parts(obj)

    def _describe_parts(self, obj: Any) -> Any:
        kind = type(obj)
        instrumentation = instrumentation_of(kind)
        if instrumentation is not None:
            self.versions[ref_of(kind)] = [one.version for one in instrumentation.lineage()]
        if kind is list:
            return [*map(self.describe, obj)]
        if kind is tuple:
            return {"tuple": [*map(self.describe, obj)]}
        if kind is dict:
            return {
                "dict": [[self.describe(key), self.describe(value)] for key, value in obj.items()]
            }
        if kind in {set, frozenset}:
            return {kind.__name__: sorted(map(self.describe, sorted(obj, key=rank)), key=repr)}
        if isinstance(obj, enum.Enum):
            return {"member": f"{ref_of(kind)}.{obj.name}"}
        ref = ref_of(kind).replace("pathlib._local:", "pathlib:")  # as CPython 3.13 has it
        return {"class": ref} | self._describe_reduced(obj)

    def _describe_reduced(self, obj: Any) -> dict[str, Any]:
        """Describe what an object reduces to."""
        return {name: self.describe(part) for name, part in reduced_parts(obj).items()}


def name_shown(obj: Any) -> str:
    return ref_of(obj) if hasattr(obj, "__qualname__") else _ADDRESS.sub("", repr(obj))


def reduced_parts(obj: Any) -> dict[str, Any]:
    """Return what an object reduces to, by name and without stamps; leave out what is empty."""
    found = reduced(obj)
    if isinstance(found, str):
        return {"name": found}
    _, args, state, items, pairs = (*found, *[None] * 4)[:5]
    parts = {
        "args": _named(
            obj, [part for part in args if type(part) is not Stamp and part is not type(obj)]
        ),
        "state": _plain(state),
        "items": None if items is None else [*items],
        "pairs": None if pairs is None else [*pairs],
    }
    return {name: part for name, part in parts.items() if not _is_empty(part)}


def _named(obj: Any, args: list[Any]) -> Any:
    """Return the items of a named tuple by their names, whose order may change."""
    names = getattr(type(obj), "_fields", ()) if isinstance(obj, tuple) else ()
    if not names or len(names) != len(args):
        return args
    return dict(sorted(zip(names, args, strict=True)))


def _is_empty(part: Any) -> bool:
    """Return whether this is nothing, without asking a class of others what is true for it."""
    return part is None or (type(part).__module__ == "builtins" and not part)


def _plain(state: Any) -> Any:
    """Return a state by the names of the fields, whether its class has a version or not."""
    if is_stamped(state):
        claim = state[0].claim
        if claim.fields is None or claim.is_by_values:
            state = state[1] if len(state) == 2 else state[1:]
        else:
            values, _, extras = unpacked(claim, state[: len(claim.names) + 2])
            state = values | extras
    named = None if _is_empty(state) else as_dict(state)
    if isinstance(named, dict) and all(type(name) is str for name in named):
        return dict(sorted(named.items()))  # their order may change
    return state
