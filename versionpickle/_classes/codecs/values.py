"""The codecs of named tuples and structs, which are created from values stored by name."""

from __future__ import annotations

import types

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from versionpickle._classes.codegen.methods import SetState
from versionpickle._classes.layout import Layout
from versionpickle._classes.stored_state import check_arguments
from versionpickle._classes.third_party import has_keyword_fields
from versionpickle._wire.refs import shown_name
from versionpickle._wire.stamp import BY_VALUES, Claim, Stamp
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError, as_dict

from .base import Codec, Owner


if TYPE_CHECKING:
    from .construction import StampConstruction


class ValuesCodec(Codec):
    """Store the values of an object as the arguments of its stamp."""

    immutable = True

    def __init__(
        self, owner: Owner, layout: Layout, make: tuple[Any, ...], make_of_all: tuple[Any, ...]
    ) -> None:
        super().__init__(owner, layout)
        self._make, *self._first = make
        self._stored = (BY_VALUES, *layout.names)
        self._stamp = self.new_stamp(self._stored, lambda claim: self.add_attributes, make_of_all)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields == self._stored else None

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        attributes = getattr(obj, "__dict__", None)
        state = (self._stamp, attributes) if attributes else None
        return self._stamp, self._values(obj), state

    def _values(self, obj: Any) -> tuple[Any, ...]:
        return tuple([field.read(obj) for field in self.layout.fields])

    # Loading

    def older_make(
        self, construction: StampConstruction, claim: Claim, chain: Chain, fill: SetState
    ) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            if not claim.is_by_values:
                raise chain.failed("making the object", OperationError(_VALUES_COME_LATER))
            check_arguments(named, chain, args, kwargs)
            return self.remake(dict(zip(claim.names, args, strict=True)), chain)

        named = attrs.evolve(claim, fields=claim.names)
        return make

    def remake(self, state: Any, chain: Chain) -> Any:
        """Make an object from a state: by names, or from the bare values of an unstamped one."""
        if type(state) is tuple and not chain.steps:
            return self._make(*self._first, *state)
        named = as_dict(chain.run(state, set()))
        names = self.layout.names
        missing = [f.name for f in self.layout.fields if f.name not in named and not f.has_default]
        leftover = [shown_name(name) for name in named if name not in names]
        if missing or leftover:
            raise self.fields_error(chain, missing, leftover)
        for field in self.layout.fields:
            if field.name not in named and field.default is not None:
                named[field.name] = field.default.make(None)
        return self._make(*self._first, *(named[name] for name in names))

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        return self.add_attributes

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        attributes = as_dict(state)
        is_of_values = not isinstance(attributes, dict) or attributes.keys() & self.layout.names
        if is_of_values or (attributes and not self.layout.has_dict):
            raise chain.failed("setting its state", OperationError(_VALUES_COME_LATER))
        if attributes:
            obj.__dict__.update(attributes)


_VALUES_COME_LATER = (
    "it got its values after it was made, which this class cannot; let alias() name a function "
    "or a class that is filled later"
)


class NamedTupleCodec(ValuesCodec):
    """Store a named tuple; a ``__new__`` of the user's, which may take others, is passed by."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        cls = owner.cls
        new: Any = cls.__new__
        made_by = getattr(new, "__globals__", {}).get("__name__", "")
        if made_by.startswith("namedtuple_"):
            of_all = types.FunctionType(new.__code__, new.__globals__)  # without the defaults
            of_all.__qualname__ = new.__qualname__
            super().__init__(owner, layout, (new, cls), (of_all, cls))
        else:
            super().__init__(owner, layout, (self._from,), (self._from,))

    def _from(self, *values: Any) -> Any:
        _check_count(values, self.layout)
        return tuple.__new__(self.cls, values)

    def _values(self, obj: Any) -> tuple[Any, ...]:
        return (*obj,)


class StructCodec(ValuesCodec):
    """Store a msgspec struct, which nothing but a call can make."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        cls = owner.cls
        if has_keyword_fields(cls):
            super().__init__(owner, layout, (self._call_by_name,), (self._call_by_name,))
        elif any(field.has_default for field in layout.fields):
            super().__init__(owner, layout, (cls,), (self._call,))
        else:
            super().__init__(owner, layout, (cls,), (cls,))

    def _call(self, *values: Any) -> Any:
        _check_count(values, self.layout)
        return self.cls(*values)

    def _call_by_name(self, *values: Any) -> Any:
        _check_count(values, self.layout)
        return self.cls(**dict(zip(self.layout.names, values, strict=True)))


def _check_count(values: tuple[Any, ...], layout: Layout) -> None:
    if len(values) != len(layout.fields):
        raise TypeError(f"{len(values)} values for {len(layout.fields)} fields")
