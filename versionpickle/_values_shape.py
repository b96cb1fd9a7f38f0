"""The shapes of named tuples and structs: made from values, which are stored under names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._codegen import SetState
from ._declared_elsewhere import has_keyword_fields
from ._layout import Layout
from ._names import shown_name
from ._shape import Maker, Shape, as_method, check_arguments
from ._stamp import BY_VALUES, Claim, Stamp
from .exceptions import FieldsError, StampError
from .migrations import Chain
from .migrations._chain import as_dict
from .migrations._state import OperationError


if TYPE_CHECKING:
    from ._hooks import Hooks


class ValuesShape(Shape):
    """Store the values of an object as the arguments of its stamp."""

    remakes = True

    def __init__(self, hooks: Hooks, layout: Layout, make: Maker = None) -> None:
        super().__init__(hooks, layout)
        self._make, *self._first = make or (self.cls.__new__, self.cls)
        self._stored = (BY_VALUES, *layout.names)
        self._stamp = self.new_stamp(self._stored, lambda claim: self._fill, make)
        self.reduce = as_method(self._reduce)
        self.setstate = as_method(self._fill_any)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields == self._stored else None

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.hooks.reduce_foreign(obj, protocol)
        attributes = getattr(obj, "__dict__", None)
        state = (self._stamp, attributes) if attributes else None
        return self._stamp, self._values(obj), state

    def _values(self, obj: Any) -> tuple[Any, ...]:
        return tuple([field.read(obj) for field in self.layout.fields])

    # Loading

    def maker(self, claim: Claim, chain: Chain, fill: SetState | None) -> Maker:
        def make(*args: Any, **kwargs: Any) -> Any:
            if fill is None:
                raise chain.failed("making the object", OperationError(_VALUES_COME_LATER))
            check_arguments(claim, chain, args, kwargs)
            return self.remake(dict(zip(claim.fields or (), args, strict=True)), chain)

        return (make,)

    def remake(self, state: Any, chain: Chain) -> Any:
        """Make an object from a state: by names, or from the bare values of an unstamped one."""
        if type(state) is tuple and not chain.steps:
            return self._make(*self._first, *state)
        named = as_dict(chain.run(state, set()))
        names = self.layout.names
        missing = [f.name for f in self.layout.fields if f.name not in named and not f.has_default]
        leftover = [shown_name(name) for name in named if name not in names]
        if missing or leftover:
            raise FieldsError(
                chain.ref,
                chain.version,
                chain.current,
                tuple(missing),
                tuple(leftover),
                chain.led_by,
            )
        for field in self.layout.fields:
            if field.name not in named and field.default is not None:
                named[field.name] = field.default.make(None)
        return self._make(*self._first, *(named[name] for name in names))

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        return self._fill

    def _fill(self, obj: Any, state: Any) -> None:
        if len(state) != 2 or type(state[1]) is not dict or not self.layout.has_dict:
            ref = self.hooks.declaration.ref
            raise StampError(ref, "values are followed by what is no dict of attributes")
        obj.__dict__.update(state[1])

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        obj.__dict__.update(as_dict(state))


_VALUES_COME_LATER = (
    "it got its values after it was made, which this class cannot; let alias() name a function "
    "or a class that is filled later"
)


class TupleShape(ValuesShape):
    """Store a named tuple; a ``__new__`` of the user's, which may take others, is passed by."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        made_by = getattr(hooks.cls.__new__, "__globals__", {}).get("__name__", "")
        by_name = made_by.startswith("namedtuple_")
        super().__init__(hooks, layout, None if by_name else (self._from,))

    def _from(self, *values: Any) -> Any:
        if len(values) != len(self.layout.fields):
            raise TypeError(f"{len(values)} values for {len(self.layout.fields)} fields")
        return tuple.__new__(self.cls, values)

    def _values(self, obj: Any) -> tuple[Any, ...]:
        return (*obj,)


class StructShape(ValuesShape):
    """Store a msgspec struct, which nothing but a call can make."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        by_name = has_keyword_fields(hooks.cls)
        self._names = layout.names
        super().__init__(hooks, layout, (self._call,) if by_name else (hooks.cls,))

    def _call(self, *values: Any) -> Any:
        return self.cls(**dict(zip(self._names, values, strict=True)))
