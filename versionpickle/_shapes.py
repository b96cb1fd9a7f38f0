"""The three shapes of state: declared fields, a free ``__dict__``, and a class's own."""

from __future__ import annotations

import copyreg

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from . import _stream
from ._codegen import Reduce, SetState, Writer
from ._layout import Field, Layout, check_transient, layout_of
from ._source import Source
from ._stamp import Claim, Stamp, make_stamp
from .exceptions import FieldsError, InvalidObjectError, StampError, StepError
from .migrations import Chain
from .migrations._chain import as_dict
from .migrations._operations import Symbols


if TYPE_CHECKING:
    from ._hooks import Hooks

_STAMPS_MAX = 64
"""How many sets of attributes of one open class get a stamp of their own."""


def shape_of(hooks: Hooks) -> Shape:
    """Return the shape of the class that *hooks* serve."""
    check_transient(hooks.cls, hooks.declaration.transient)
    layout = layout_of(hooks.cls, hooks.declaration.transient)
    if layout.own_state:
        return OwnShape(hooks, layout)
    return OpenShape(hooks, layout) if layout.is_bare else FieldsShape(hooks, layout)


class Shape:
    """Know how the objects of one class are stored and filled."""

    reduce: Reduce
    setstate: SetState

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        self.hooks = hooks
        self.cls = hooks.cls
        self.layout = layout
        self.writer = Writer(hooks.cls, layout)
        bases = [(base.key, base.version) for base in hooks.lineage()]
        self._bases = tuple(bases[:-1])

    def stamp(self, claim: Claim) -> Stamp:
        declaration = self.hooks.declaration
        today = Claim(declaration.key, declaration.version, claim.fields, self._bases)
        current = self.current(claim.fields) if claim == today else None
        if current is not None:
            return current
        fill = self.upgrade(claim, self.hooks.chain(claim))
        return make_stamp(self.cls, claim, fill, _stream._revive, is_current=False)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        """Return today's stamp for these stored fields, if objects are stored so."""
        raise NotImplementedError

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        """Return what fills an object from a state of *claim*."""
        raise NotImplementedError

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        """Fill *obj* from a state that was stored without a stamp."""
        raise NotImplementedError

    def new_stamp(
        self, fields: tuple[str, ...] | None, fill: Callable[[Claim], SetState]
    ) -> Stamp:
        declaration = self.hooks.declaration
        claim = Claim(declaration.key, declaration.version, fields, self._bases)
        return make_stamp(self.cls, claim, fill(claim), _stream._revive, is_current=True)

    def _fill_any(self, obj: Any, state: Any) -> None:
        if type(obj) is not self.cls:
            self.hooks.restore_foreign(obj, state)
        elif type(state) is tuple and state and type(state[0]) is Stamp:
            state[0].fill(obj, state)
        else:
            self.hooks.restore(obj, state)

    def is_blank(self, obj: Any) -> bool:
        if self.layout.has_dict and obj.__dict__:
            return False
        return all(_value_or(obj, field, self) is self for field in self.layout.fields)

    def check_class(self, obj: Any, claim: Claim) -> None:
        if type(obj) is not self.cls:
            met = f"{type(obj).__module__}:{type(obj).__qualname__}"
            raise StampError(claim.ref, f"an object of {met} carries this stamp")


class FieldsShape(Shape):
    """Store the values of the fields that the class declares, in their order."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        super().__init__(hooks, layout)
        self._named = {field.name: field for field in layout.fields}
        self._stamp = self.new_stamp(layout.names, self._fill_today)
        self.reduce = self.writer.reduce(self._stamp, self._reduce_rest)
        self.setstate = self.writer.setstate(self._stamp, self._fill_any)

    def _fill_today(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            self._place(obj, *_unpacked(claim, state))

        return fill

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields == self.layout.names else None

    # Reducing

    def _reduce_rest(self, obj: Any, protocol: int) -> Any:
        """Reduce an object with unset fields, further attributes, or of a subclass."""
        if type(obj) is not self.cls:
            return self.hooks.reduce_foreign(obj, protocol)
        stamp = self._stamp
        values = [_value_or(obj, field, stamp) for field in self.layout.fields]
        extras = self._extras(obj)
        if extras or any(value is stamp for value in values):
            values.append(extras)
        return stamp, (), (stamp, *values)

    def _extras(self, obj: Any) -> dict[str, Any]:
        if not self.layout.has_dict:
            return {}
        known = self._named.keys() | self.layout.derived
        return {name: value for name, value in obj.__dict__.items() if name not in known}

    # Loading

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        def interpret(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            self._finish(obj, chain, *_unpacked(claim, state))

        def reread(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            self.restore(obj, state[1], chain)

        if claim.fields is None:  # the class had a state of its own then
            return reread
        if not chain.is_declarative:
            return interpret
        compiled = self.writer.upgrade(claim, chain, interpret, self._validate(chain))
        if compiled is None:
            symbols = Symbols(dict.fromkeys(claim.fields, ""), Source("outcome()"))
            chain.compile(symbols)
            self._compare(chain, symbols.values, set())
        return compiled or interpret

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        state = as_dict(state)
        if not chain.steps:
            state = self._named_positions(state)
        self._finish(obj, chain, state, set(), {})

    def _named_positions(self, state: Any) -> Any:
        """Name the values that attrs and dataclasses once stored in bare order."""
        names = self.layout.positions
        if isinstance(state, tuple | list) and len(state) == len(names):
            return dict(zip(names, state, strict=True))
        return state

    def _finish(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        for name in list(extras):
            if name in self._named or self.layout.open or not self.layout.has_dict:
                state[name] = extras.pop(name)
        state = as_dict(chain.run(state, unset))
        self._compare(chain, state, unset)
        self._place(obj, state, unset, extras)
        if chain.steps:
            self._validate(chain)(obj)

    def _compare(self, chain: Chain, state: Any, unset: set[str]) -> None:
        """Refuse a state that is not what the class declares."""
        if not isinstance(state, dict):
            problem = (
                f"the state was stored as a {type(state).__name__}, which has no field names; "
                "register a step that is a function and returns a dict"
            )
            raise StepError(chain.ref, chain.version, chain.current, "placing the state", problem)
        known = self._named.keys() | self.layout.derived
        missing = [
            field.name
            for field in self.layout.fields
            if field.name not in state and field.name not in unset and field.default is None
        ]
        leftover = [] if self.layout.open else [name for name in state if name not in known]
        if missing or leftover:
            raise FieldsError(
                chain.ref, chain.version, chain.current, tuple(missing), tuple(map(str, leftover))
            )

    def _place(
        self, obj: Any, state: dict[str, Any], unset: set[str], extras: dict[str, Any]
    ) -> None:
        if extras:
            obj.__dict__.update(extras)
        if self.layout.open:
            obj.__dict__.update(
                (name, value)
                for name, value in state.items()
                if name not in self._named and name not in self.layout.derived
            )
        for field in self.layout.fields:
            if field.name in state:
                field.store(obj, state[field.name])
            elif field.name not in unset:
                field.store_default(obj)
        for field in self.layout.transients:
            field.store_default(obj)
        if self.layout.caches_hash:
            object.__setattr__(obj, "_attrs_cached_hash", None)

    def _validate(self, chain: Chain) -> Callable[[Any], None]:
        def validate(obj: Any) -> None:
            if not self.layout.validates:
                return
            try:
                attrs.validate(obj)
            except Exception as exc:
                self._blank(obj)
                problem = f"{type(exc).__name__}: {exc.args[0] if exc.args else exc}"
                raise InvalidObjectError(chain.ref, chain.version, chain.current, problem) from exc

        return validate

    def _blank(self, obj: Any) -> None:
        """Take all values back, so that no half-made object is left behind."""
        for field in (*self.layout.fields, *self.layout.transients):
            if _value_or(obj, field, self) is not self:
                field.clear(obj)


class OpenShape(FieldsShape):
    """Store whatever stands in the ``__dict__`` of a class that declares no fields."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        Shape.__init__(self, hooks, layout)
        self._named = {}
        self._stamps: dict[tuple[str, ...], Stamp] = {}
        self._wide = self.new_stamp(None, self._fill_wide)
        self.setstate = as_method(self._fill_any)
        self.reduce = as_method(self._reduce)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        if fields is None:
            return self._wide
        if not self.layout.derived.isdisjoint(fields):
            return None
        return self._stamps.get(fields) or self._first(fields)

    def _first(self, fields: tuple[str, ...]) -> Stamp | None:
        """Make a stamp for these attributes, unless there are very many already."""
        with self.hooks.lock:
            if len(self._stamps) >= _STAMPS_MAX or not all(type(name) is str for name in fields):
                return None
            stamp = self.new_stamp(fields, lambda claim: self.writer.fill(claim, self._refuse))
            if not self._stamps:  # most objects will have the attributes that came first
                self.reduce = self.writer.reduce(stamp, self._reduce)
                self.setstate = self.writer.setstate(stamp, self._fill_any)
                self.hooks.put_compiled(self)
            return self._stamps.setdefault(fields, stamp)

    def _refuse(self, obj: Any, state: Any) -> None:
        self.check_class(obj, state[0].claim)
        raise StampError(state[0].claim.ref, _count_problem(state[0].claim, state))

    def _fill_wide(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            if len(state) != 2 or type(state[1]) is not dict:
                raise StampError(claim.ref, "its state is not the dict that its stamp promises")
            obj.__dict__.update(state[1])

        return fill

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.hooks.reduce_foreign(obj, protocol)
        attributes = obj.__dict__
        stamp = self._stamps.get(tuple(attributes))
        if stamp is None:
            attributes = self._extras(obj)
            stamp = self.current(tuple(attributes))
        if stamp is None:
            return self._wide, (), (self._wide, attributes)
        return stamp, (), (stamp, *attributes.values())


class OwnShape(Shape):
    """Keep what a class reduces to by itself, and stamp its state."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        super().__init__(hooks, layout)
        self._stamp = self.new_stamp(None, self._fill_today)
        self.reduce = as_method(self._reduce)
        self.setstate = as_method(self._fill_any)

    def _fill_today(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            self._set(obj, *state[1:])

        return fill

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields is None else None

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.hooks.reduce_foreign(obj, protocol)
        reduced = self.hooks.plain_reduce(obj, protocol)
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, setter = (*reduced, *[None] * 4)[:6]
        stamped = (self._stamp, state) if setter is None else (self._stamp, state, setter)
        return *self._call(function, args), stamped, items, pairs

    def _call(self, function: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Return the call that makes the object, with the stamp for the class."""
        if function is copyreg.__newobj__ and args[0] is self.cls:  # type: ignore[attr-defined] # known to pickle alone
            return self._stamp, args[1:]
        if function is copyreg.__newobj_ex__ and args[0] is self.cls:  # type: ignore[attr-defined] # as above
            return _stream._make, (self._stamp, self._stamp, args[1], args[2])
        return _stream._make, (self._stamp, None if function is self.cls else function, args, {})

    def reduce_whole(self, obj: Any) -> Any:
        """Reduce an object of a class that cannot carry hooks: all goes into one call."""
        reduced = obj.__reduce_ex__(4)
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, _ = (*reduced, *[None] * 4)[:6]
        make, made_of = self._call(function, args)
        if make is self._stamp:
            make, made_of = _stream._make, (self._stamp, self._stamp, made_of, {})
        if state is not None:
            made_of = (*made_of, state)
        return make, made_of, None, items, pairs

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            if claim.fields is None:
                self._finish(obj, chain, *state[1:])
            else:
                values, _, extras = _unpacked(claim, state)
                self._finish(obj, chain, {**values, **extras})

        return fill

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        self._finish(obj, chain, state)

    def _finish(self, obj: Any, chain: Chain, state: Any, setter: Any = None) -> None:
        if chain.steps:
            upgraded = chain.run(state, set())
            state = None if state is None and not upgraded else upgraded
        self._set(obj, state, setter)

    def _set(self, obj: Any, state: Any, setter: Any = None) -> None:
        if state is None:
            return
        if setter is not None:
            setter(obj, state)
        else:
            self.hooks.plain_setstate(obj, state)


def as_method(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a function that a class turns into a method, which it does not do for a bound one."""

    def method(obj: Any, argument: Any = 4) -> Any:
        return function(obj, argument)

    return method


def _unpacked(claim: Claim, state: Any) -> tuple[dict[str, Any], set[str], dict[str, Any]]:
    """Return the values, the names that hold nothing, and the further attributes."""
    names = claim.fields or ()
    stamp, *values = state
    if len(values) == len(names):
        return dict(zip(names, values, strict=True)), set(), {}
    if len(values) == len(names) + 1 and type(values[-1]) is dict:
        extras = dict(values.pop())
        unset = {name for name, value in zip(names, values, strict=True) if value is stamp}
        named = {n: v for n, v in zip(names, values, strict=True) if v is not stamp}
        return named, unset, extras
    raise StampError(claim.ref, _count_problem(claim, state))


def _count_problem(claim: Claim, state: Any) -> str:
    return (
        f"its stamp names {len(claim.fields or ())} fields, and its state holds {len(state) - 1}"
    )


def _value_or(obj: Any, field: Field, nothing: Any) -> Any:
    try:
        return field.read(obj)
    except (AttributeError, KeyError):
        return nothing
