"""Which states objects may get: the one of their stamp, once."""

from __future__ import annotations

import functools
import types
import uuid

from collections.abc import Iterable
from typing import Any

from versionpickle._classes.instrument import Instrumentation
from versionpickle._classes.third_party import EXTRA, FIELDS_SET, PRIVATE, fields_of_model
from versionpickle._pickles.build.deferred import SETTLED, Deferred, Parts, resolved
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.numpy_values import is_array, is_dtype
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Stamp

from .called import is_maker, is_value_class, named
from .methods import method_names
from .open_objects import TAKEN, ObjectLifetimes
from .signatures import is_known_state, is_state_of_uuid
from .strict_source import StrictSource


class StatePolicy:
    """Refuse states that no pickler writes."""

    def __init__(
        self, source: StrictSource, finder: Finder, parts: Parts, lifetimes: ObjectLifetimes
    ) -> None:
        self._source = source
        self._finder = finder
        self._parts = parts
        self._lifetimes = lifetimes
        self._stamps: dict[int, tuple[Any, Stamp]] = {}
        """By object: the stamp that made it."""

        self._methods: dict[type, frozenset[str]] = {}

    def take(self, obj: Any, state: Any) -> None:
        """Admit a state for the innermost object, which has none."""
        claimed, stamp = self._lifetimes.claimed()
        if claimed == TAKEN:
            self._source.refuse("an object gets a second state")
        self._lifetimes.note_state()
        if stamp is not None:
            self._stamps[id(obj)] = (obj, stamp)
            parts = self._parts.of(state)
            if type(parts) is not tuple or not parts or parts[0] is not stamp:
                self._source.refuse(
                    "the state of an object does not begin with the stamp that made it"
                )

    def resolved(self, deferred: Deferred) -> None:
        """Let the object that is made now have the stamp that it was made with."""
        if id(deferred) in self._stamps and deferred.done():
            made = deferred.result()
            self._stamps[id(made)] = (made, self._stamps[id(deferred)][1])

    def check(self, obj: Any, state: Any) -> None:
        """Look at a state when all of it is there, right before it is set."""
        _, stamp = self._stamps.get(id(obj), (None, None))
        self._check(resolved(obj), resolved(state), stamp)

    def _check(self, obj: Any, state: Any, stamp: Stamp | None) -> None:
        if type(obj) in _FILLED_NEVER or isinstance(obj, _SHARED):
            self._source.refuse(f"{named(obj)} gets a state, and takes none")
        if isinstance(obj, uuid.UUID) and not is_state_of_uuid(state):
            self._source.refuse(f"{named(obj)} gets a state that it cannot have")
        if stamp is not None:
            self._check_parts(obj, state, stamp)
        elif type(state) is tuple and state and type(state[0]) is Stamp:
            self._source.refuse("a stamp is in the state of an object that was made without one")
        elif self.is_value(obj) and not is_known_state(obj, state):
            self._source.refuse(f"{named(obj)} gets a state that it cannot have")
        else:
            may_be_model = self._instrumentation(type(obj)) is not None
            self._check_names(obj, state, may_be_model=may_be_model)

    def check_filled(self, obj: Any) -> None:
        """Refuse an object whose attributes hide methods, now that it has its state."""
        if type(obj).__dictoffset__ == 0 or isinstance(obj, type) or self._reads_itself(obj):
            return
        self._check_methods(obj, object.__getattribute__(obj, "__dict__"))

    def _check_methods(self, obj: Any, names: Iterable[str]) -> None:
        hidden = self.methods(type(obj)).intersection(names)
        if hidden:
            self._source.refuse(
                f"the state of {named(obj)} holds {shortened(min(hidden))}, which is a method or "
                "property of its class"
            )

    def methods(self, cls: type) -> frozenset[str]:
        """Return the names that no state may fill."""
        found = self._methods.get(cls)
        if found is None:
            instrumentation = self._instrumentation(cls)
            fields = () if instrumentation is None else instrumentation.codec.layout.names
            found = self._methods[cls] = method_names(cls, fields)
        return found

    def _check_parts(self, obj: Any, state: Any, stamp: Stamp) -> None:
        names = stamp.claim.names
        rest = state[1 + len(names) :]
        if stamp.claim.fields is None and len(state) == 3 and type(state[2]) is not list:
            self._check_state_setter(state[2])
        if not rest and any(type(value) is Stamp for value in state[1:]):
            self._source.refuse("a stamp is in the place of a value")
        for part in rest:
            self._check_names(obj, part)
        if len(rest) > 1 and type(rest[-1]) is list:  # items of a dict, which the state keeps
            pairs = (pair for pair in rest[-1] if type(pair) is tuple and pair)
            self._source.budget.charge(obj, [pair[0] for pair in pairs])

    def _check_state_setter(self, setter: Any) -> None:
        is_theirs = id(setter) in self._finder.known and not self._finder.is_pure(setter)
        if not is_theirs or not callable(setter) or is_maker(setter):
            self._source.refuse(f"{named(setter)} is in the place of what sets a state")

    def _check_names(self, obj: Any, state: Any, *, may_be_model: bool = False) -> None:
        """Refuse attributes that change what an object is, unless its class reads them itself."""
        if self._reads_itself(obj):
            return
        if isinstance(state, dict | tuple) and type(state) not in {dict, tuple}:
            self._source.refuse(f"{named(state)} is in the place of the state of {named(obj)}")
        pair = state if type(state) is tuple and len(state) == 2 else (state,)
        for part in pair:
            if isinstance(part, dict) and type(part) is not dict:
                self._source.refuse(f"{named(part)} is in the place of the state of {named(obj)}")
            fields = fields_of_model(part) if may_be_model else None
            for name in self._names_in(part if fields is None else fields):
                if is_dunder(name):
                    self._source.refuse(f"the state of {named(obj)} holds {shortened(name)}")
        if len(pair) == 2 and type(pair[1]) is dict:  # which is set by setattr, and runs setters
            self._check_methods(obj, pair[1])

    def _names_in(self, part: Any) -> Iterable[Any]:
        return part if type(part) is dict else ()

    def _reads_itself(self, obj: Any) -> bool:
        instrumentation = self._instrumentation(type(obj))
        if instrumentation is not None:  # which has its own methods, or those of a base
            return instrumentation.codec.layout.restores_itself
        setstate: Any = getattr(obj, "__setstate__", None)
        return isinstance(setstate, types.MethodType | types.FunctionType)

    def is_value(self, obj: Any) -> bool:
        if type(obj) in self._finder.unstamped:
            return False
        return is_value_class(type(obj)) or is_array(obj) or is_dtype(obj)

    def declared_names(self, stamp: Stamp) -> Iterable[str]:
        instrumentation = self._instrumentation(stamp.cls)
        return () if instrumentation is None else instrumentation.codec.layout.names

    def _instrumentation(self, cls: type) -> Instrumentation | None:
        declared = self._finder.registry.declared(f"{cls.__module__}:{cls.__qualname__}")
        instrumentation: Instrumentation | None = (
            None if declared is None else declared.instrumentation
        )
        return (
            instrumentation if instrumentation is not None and instrumentation.cls is cls else None
        )


_FILLED_NEVER = frozenset({*SETTLED, tuple, list, dict, set, frozenset})
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, Stamp)
"""What nothing in a pickle may change, since others use it as well."""

_HARMLESS = frozenset({"__notes__", EXTRA, FIELDS_SET, PRIVATE}) | frozenset(
    {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "__type_params__", "__annotations__"}
)
"""What exceptions, pydantic models and wrappers hold under names that are else Python's own."""


def is_dunder(name: Any) -> bool:
    if type(name) is bytes:  # which Python 2 wrote, and which becomes a text
        name = name.decode("latin1")
    if not isinstance(name, str):
        return False
    name = str.__str__(name)  # whatever a subclass of str makes of it
    return name[:2] == "__" == name[-2:] and name not in _HARMLESS
