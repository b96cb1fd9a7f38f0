"""Which states objects may get: that of their stamp, once, and nothing that makes them others."""

from __future__ import annotations

import functools
import types
import uuid

from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._classes.hooks import Hooks
from versionpickle._classes.third_party import EXTRA, FIELDS_SET, PRIVATE
from versionpickle._pickles.build.deferred import SETTLED, Deferred, meaning
from versionpickle._pickles.numpy_values import is_array, is_dtype
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Stamp

from .call_policy import CallPolicy, check_of, is_value_class
from .called import named
from .open_objects import TAKEN
from .signatures import is_known_state, is_state_of_uuid


class StatePolicy(CallPolicy):
    """Refuse states that no pickler writes."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._stamps: dict[int, tuple[Any, Stamp]] = {}
        """By object: the stamp that made it."""

    def take_state(self, obj: Any, state: Any) -> None:
        claimed, stamp = self.claimed()
        if claimed == TAKEN:
            self.refuse("an object gets a second state")
        self.note_state()
        if stamp is not None:
            self._stamps[id(obj)] = (obj, stamp)
            parts = self.parts_of(state)
            if type(parts) is not tuple or not parts or parts[0] is not stamp:
                self.refuse("the state of an object does not begin with the stamp that made it")

    def filler(self, obj: Any, state: Any) -> Callable[[Any, Any], None]:
        return self._build

    def _build(self, obj: Any, state: Any) -> None:
        self.budget.look_at_the_clock()
        self.budget.note_state()
        _, stamp = self._stamps.get(id(obj), (None, None))
        is_coming = type(obj) is Deferred and obj.making is not None
        if not is_coming:
            self.check_state(meaning(obj), meaning(state), stamp)
        super()._build(obj, state)

    def _make(self, stand_in: Deferred, make: Callable[[], Any]) -> None:
        super()._make(stand_in, make)
        if id(stand_in) in self._stamps and stand_in.is_made:
            self._stamps[id(stand_in.made)] = (stand_in.made, self._stamps[id(stand_in)][1])

    def stamp_of(self, obj: Any) -> Stamp | None:
        found = self._stamps.get(id(obj))
        return None if found is None else found[1]

    def check_state(self, obj: Any, state: Any, stamp: Stamp | None) -> None:
        """Look at a state when all of it is there, right before it is set."""
        if type(obj) in _FILLED_NEVER or isinstance(obj, _SHARED):
            self.refuse(f"{named(obj)} gets a state, and takes none")
        if isinstance(obj, uuid.UUID) and not is_state_of_uuid(state):
            self.refuse(f"{named(obj)} gets a state that it cannot have")
        if stamp is not None:
            self._check_parts(obj, state, stamp)
        elif type(state) is tuple and state and type(state[0]) is Stamp:
            self.refuse("a stamp stands in the state of an object that was made without")
        elif self.is_value(obj) and not is_known_state(obj, state):
            self.refuse(f"{named(obj)} gets a state that it cannot have")
        else:
            self._check_names(obj, state)

    def _check_parts(self, obj: Any, state: Any, stamp: Stamp) -> None:
        names = stamp.claim.names
        rest = state[1 + len(names) :]
        if stamp.claim.fields is None and len(state) == 3 and type(state[2]) is not list:
            self._check_state_setter(state[2])
        if not rest and any(type(value) is Stamp for value in state[1:]):
            self.refuse("a stamp stands where a value should")
        for part in rest:
            self._check_names(obj, part)
        if len(rest) > 1 and type(rest[-1]) is list:  # items of a dict, which the state keeps
            pairs = (pair for pair in rest[-1] if type(pair) is tuple and pair)
            self.budget.charge(obj, [pair[0] for pair in pairs])

    def _check_state_setter(self, setter: Any) -> None:
        is_theirs = id(setter) in self._finder.known and not self._finder.is_pure(setter)
        if not is_theirs or not callable(setter) or check_of(setter) is not None:
            self.refuse(f"{named(setter)} stands for what sets a state")

    def _check_names(self, obj: Any, state: Any) -> None:
        """Refuse attributes that change what an object is, unless its class reads them itself."""
        if self._reads_itself(obj):
            return
        if isinstance(state, dict | tuple) and type(state) not in {dict, tuple}:
            self.refuse(f"{named(state)} stands for the state of {named(obj)}")
        pair = state if type(state) is tuple and len(state) == 2 else (state,)
        for part in pair:
            if isinstance(part, dict) and type(part) is not dict:
                self.refuse(f"{named(part)} stands for the state of {named(obj)}")
            for name in part if type(part) is dict else ():
                if is_dunder(name):
                    self.refuse(f"the state of {named(obj)} holds {shortened(name)}")

    def _reads_itself(self, obj: Any) -> bool:
        hooks = self._hooks(type(obj))
        if hooks is not None:  # whose own methods stand on it, or on a base
            return hooks.codec.layout.restores_itself
        setstate: Any = getattr(obj, "__setstate__", None)
        return isinstance(setstate, types.MethodType | types.FunctionType)

    def is_value(self, obj: Any) -> bool:
        if type(obj) in self._met:
            return False
        return is_value_class(type(obj)) or is_array(obj) or is_dtype(obj)

    def declared_names(self, stamp: Stamp) -> Iterable[str]:
        hooks = self._hooks(stamp.cls)
        return () if hooks is None else hooks.codec.layout.names

    def _hooks(self, cls: type) -> Hooks | None:
        declared = self._finder.registry.declared(f"{cls.__module__}:{cls.__qualname__}")
        hooks: Hooks | None = None if declared is None else declared.hooks
        return hooks if hooks is not None and hooks.cls is cls else None


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
