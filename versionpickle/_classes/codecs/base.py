"""The base of all codecs: how the objects of one class are stored and filled."""

from __future__ import annotations

import collections
import copyreg
import datetime
import functools
import operator
import threading
import types

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol, TypeAlias

import attrs

from versionpickle._classes import parts
from versionpickle._classes.codegen.methods import Reduce, SetState, Writer
from versionpickle._classes.field import Field
from versionpickle._classes.layout import Layout
from versionpickle._classes.lineage import Chains
from versionpickle._classes.parts import Parts
from versionpickle._classes.plain import Plain
from versionpickle._classes.third_party import with_fields_of_model, without_model
from versionpickle._wire import calls, states
from versionpickle._wire.refs import shown_name
from versionpickle._wire.stamp import Claim, Stamp, make_stamp
from versionpickle.exceptions import FieldsError, StampError
from versionpickle.migrations import Chain, Declaration, Registry
from versionpickle.migrations._fields import is_slots_pair

from .construction import StampConstruction


Maker: TypeAlias = tuple[Any, ...] | None
"""A function, and its first arguments."""


class _Unhashable:
    """Stand for the value of a field that is not loaded yet."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<a value that is not loaded yet>"


UNHASHABLE = _Unhashable()


class Owner(Protocol):
    """What a codec uses of the instrumentation of its class."""

    cls: type
    declaration: Declaration
    registry: Registry
    plain: Plain
    lock: threading.RLock

    def check_reachable(self) -> None:
        """Refuse to write objects of a class that no load could find again."""

    @property
    def is_installed(self) -> bool:
        """Whether methods of ours are on the class."""

    def renew_reduce(self) -> None:
        """Let the class ask its codec once more for a ``__reduce_ex__``."""

    def renew_setstate(self) -> None:
        """Let the class ask its codec once more for a ``__setstate__``."""

    def restore(self, obj: Any, state: Any) -> None:
        """Fill *obj* from a state that was stored without a stamp."""

    def reduce_foreign(self, obj: Any, protocol: int) -> Any:
        """Reduce an object of a subclass."""

    def restore_foreign(self, obj: Any, state: Any) -> None:
        """Fill an object of a subclass."""


def _has(base: Declaration, names: Iterable[str]) -> bool:
    known: tuple[str, ...] = base.instrumentation.codec.layout.names
    return all(name in known for name in names)


class Codec:
    """Know how the objects of one class are stored and filled."""

    immutable = False
    """Whether an object is made from its state, since nothing can fill it afterwards."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        self.owner = owner
        self.cls = owner.cls
        self.layout = layout
        self.declaration = owner.declaration
        any_state = layout.restores_itself or owner.declaration.has_factory
        self.chains = Chains(owner.cls, owner.declaration, owner.registry, any_state=any_state)
        self.writer = Writer(owner.cls, layout)
        *bases, _ = [(base.key, base.version) for base in self.chains.lineage()]
        self._bases = tuple(bases)

    def fields_error(
        self, chain: Chain, missing: Iterable[str], leftover: Iterable[str]
    ) -> FieldsError:
        """Return the error of a state with other fields; it names the base whose fields differ."""
        names, current = tuple(missing), chain.current
        error = FieldsError(
            chain.ref, chain.version, current, names, tuple(leftover), chain.led_by
        )
        *bases, _ = self.chains.lineage()
        error.bases = tuple((base.ref, base.version) for base in bases if _has(base, names))
        error.was_upgraded = bool(chain.steps)
        return error

    @functools.cached_property
    def reduce(self) -> Reduce:
        """The ``__reduce_ex__`` of the class."""
        return as_method(self._reduce)

    @functools.cached_property
    def setstate(self) -> SetState:
        """The ``__setstate__`` of the class."""
        return as_method(self._fill_any)

    def _reduce(self, obj: Any, protocol: int) -> Any:
        raise NotImplementedError

    def state(self, obj: Any) -> Any:
        """Return what ``__getstate__`` returns to others than us: a state that is stamped."""
        content = self.owner.plain.state(obj)
        if not self.layout.custom_reduce:
            content = {} if content is None else self._of_fields(content)
        return self.stamped(content)

    def stamped(self, content: Any) -> Any:
        """Return a state of today with its stamp."""
        return states.state(self._stamp_of_states, content)

    def upgraded(self, state: Any) -> Any:
        """Return the state of today that a stored one leads to."""
        if isinstance(state, states.StampedState):
            chain, state = self.chains.of(state.stamp.claim), state.plain()
        else:
            chain = self.chains.of_unstamped(state, None)
        return chain.run(state, set()) if chain.steps else state

    def _of_fields(self, content: Any) -> Any:
        """Return a state without what is never stored."""
        if isinstance(content, dict):
            return self._without(content, self.layout.derived)
        if not is_slots_pair(content):
            return content
        attributes, slots = content
        if attributes is None:
            return None, self._without(slots, self.layout.derived)
        # cloudpickle makes classes whose slots are only names.
        slots = self._without(slots, {*self.layout.derived, *attributes})
        attributes = self._without(attributes, self.layout.derived)
        return (attributes, slots) if slots else attributes

    def _without(self, values: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name not in names}

    @functools.cached_property
    def _stamp_of_states(self) -> Stamp:
        return self.current(None) or self.new_stamp(
            None, lambda claim: self.upgrade(claim, self.chains.today())
        )

    def stamp(self, claim: Claim, *, is_kept: bool = True) -> Stamp:
        """Return a stamp; where it *is_kept*, the class gets code for it."""
        declaration = self.declaration
        today = Claim(declaration.key, declaration.version, claim.fields, self._bases)
        known = self.current if is_kept else self.known
        current = known(claim.fields) if claim == today else None
        if current is not None:
            return current
        chain = self.chains.of(claim)
        factory = declaration.factories.get(claim.version)
        if factory is not None:
            from versionpickle._classes.conversion import Remaking, conversion_stamp  # noqa: PLC0415 - as below

            return conversion_stamp(Remaking(factory, attrs.evolve(chain, steps=()), claim))
        if chain.ending is not None:
            from versionpickle._classes.conversion import Conversion, conversion_stamp  # noqa: PLC0415 - few classes need it

            return conversion_stamp(Conversion(self.owner.registry, chain, claim))
        return self._older_stamp(claim, chain)

    def _older_stamp(self, claim: Claim, chain: Chain) -> Stamp:
        construction = StampConstruction(self, claim, chain)
        is_by_values = claim.is_by_values
        named = attrs.evolve(claim, fields=claim.names) if is_by_values else claim
        fill = self.upgrade(named, chain)
        make = (self.older_make(construction, claim, chain, fill),)
        if is_by_values:
            fill = self.add_attributes
        stamp = make_stamp(self.cls, claim, fill, make=make, construction=construction)
        construction.serve(stamp)
        return stamp

    def older_make(
        self, construction: StampConstruction, claim: Claim, chain: Chain, fill: SetState
    ) -> Callable[..., Any]:
        """Return what an older stamp calls; *fill* fills an object from named values."""
        return construction.of_values(fill) if claim.is_by_values else construction.make

    def add_attributes(self, obj: Any, state: Any) -> None:
        """Give an object that was made of values what it had besides them."""
        if len(state) != 2 or type(state[1]) is not dict or not state[1]:
            ref = self.declaration.ref
            raise StampError(ref, "values are followed by what is no dict of attributes")
        if not self.layout.has_dict:
            today, names = self.chains.today(), tuple(map(shown_name, state[1]))
            raise FieldsError(today.ref, state[0].claim.version, today.current, (), names, None)
        obj.__dict__.update(state[1])

    def expect_parts(self, stamp: Stamp, chain: Chain) -> None:
        """Note that objects of an older *stamp* have arguments for the steps."""

    def source(self, chain: Chain, fields: tuple[str, ...] | None) -> str:
        """Return the function that upgrades a state of these fields, if one is generated."""
        return ""

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        """Return today's stamp for these stored fields, if objects are stored so."""
        raise NotImplementedError

    def known(self, fields: tuple[str, ...] | None) -> Stamp | None:
        """Return it without making any."""
        return self.current(fields)

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        """Return what fills an object from a state of *claim*."""
        raise NotImplementedError

    def remake(self, state: Any, chain: Chain) -> Any:
        """Make an object from a state, of an immutable class."""
        raise NotImplementedError

    def fill_of_dict(
        self, names: tuple[Any, ...], chain: Chain, *, is_common: bool
    ) -> SetState | None:
        """
        Return what fills an object from an unstamped dict of these names, if it is generated.

        It *is_common* if all such dicts take the same chain.
        """
        return None

    def forget_dicts(self) -> None:
        """Drop what fills objects from unstamped dicts: the chain is another one by now."""

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        """Fill *obj* from a state that was stored without a stamp."""
        raise NotImplementedError

    def of_models(self, state: Any) -> Any:
        """Return the state of a pydantic model as that of another class; any other as it is."""
        is_models = isinstance(state, dict) and "__dict__" in state
        return without_model(with_fields_of_model(state)) if is_models else state

    def fill_converted(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        """Fill *obj* from the state of an object of another class."""
        self.restore(obj, {**state, **extras} if extras else state, chain)

    @functools.cached_property
    def unhashable(self) -> dict[str, Any]:
        """
        What makes the hash of a blank object fail, where it would have passed.

        It would find the defaults on the class, and pickle would put the
        object into the wrong place of a set that it is a member of itself.
        """
        cls: Any = self.cls
        if not self.layout.has_dict or cls.__hash__ is object.__hash__:
            return {}
        in_dict = (field.name for field in self.layout.fields if field.slot is None)
        return dict.fromkeys((name for name in in_dict if hasattr(self.cls, name)), UNHASHABLE)

    def new_stamp(
        self, fields: tuple[str, ...] | None, fill: Callable[[Claim], SetState], make: Maker = None
    ) -> Stamp:
        """Return a stamp of today; *make* is what makes the objects, if not C."""
        declaration = self.declaration
        claim = Claim(declaration.key, declaration.version, fields, self._bases)
        making = StampConstruction(self, claim, self.chains.today())
        if make is None and (fields in {None, ()} or self.unhashable or self.takes_arguments):
            make = (making.make,)
        check = self.owner.check_reachable
        return make_stamp(self.cls, claim, fill(claim), check, make=make, construction=making)

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the call that makes an object, with the stamp for the class."""
        if function is copyreg.__newobj__ and args[0] is self.cls:  # type: ignore[attr-defined] # known to pickle alone
            return stamp, args[1:]
        if function is copyreg.__newobj_ex__ and args[0] is self.cls:  # type: ignore[attr-defined] # as above
            return calls.make, (stamp, stamp, args[1], args[2])
        if function is self.cls and self._keeps_args_alone:
            return stamp, args  # whatever its __init__ takes
        return calls.make, (stamp, None if function is self.cls else function, args, {})

    @functools.cached_property
    def _keeps_args_alone(self) -> bool:
        """Whether this is an exception that is made of its args, whatever its __init__ takes."""
        is_made_in_c = type(self.cls.__new__) is types.BuiltinFunctionType
        return is_made_in_c and not self.layout.reduces_itself and _is_bare_exception(self.cls)

    @functools.cached_property
    def _keeps_state_in_c(self) -> bool:
        """Whether this is an exception of which C stores more than its args and ``__dict__``."""
        return issubclass(self.cls, ImportError | AttributeError)

    def parts_of(self, obj: Any, claim: Claim, state: Any, chain: Chain) -> tuple[Any, Parts]:
        """Return the state of an older object, and what was stored besides it for the steps."""
        stored = parts.taken_from(obj, self.layout)
        state, items = parts.split_items(claim, state)
        if chain.names_items:
            stored.items = items or stored.items or parts.items_out_of(obj)
        elif items and not parts.put_items(obj, items):
            stored.items = items
        return state, stored

    stores_whole: Any = None
    """The function of the stream that makes a whole object in one call, if there is one."""

    @functools.cached_property
    def takes_arguments(self) -> bool:
        """Whether the ``__new__`` of the class does anything with arguments."""
        return parts.uses_arguments(self.cls)

    @property
    def is_made_from_arguments(self) -> bool:
        """Whether arguments are part of what today's objects are made of."""
        return self.takes_arguments or self.is_called

    @property
    def is_called(self) -> bool:
        """Whether objects may be made by a call of the class."""
        is_zone = issubclass(self.cls, datetime.tzinfo)  # which C reduces to a call of its class
        return is_zone or self.layout.reduces_itself or self.layout.has_newargs

    def called(self, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Call the class; an exception is made without methods of its own."""
        if self.layout.reduces_itself or not issubclass(self.cls, BaseException):
            return self.cls(*args, **kwargs)
        base: Any = _base_in_c(self.cls)
        made = base.__new__(self.cls, *args, **kwargs)
        base.__init__(made, *args, **kwargs)  # which puts the arguments into their places
        return made

    def _fill_any(self, obj: Any, state: Any) -> None:
        if type(obj) is not self.cls:
            self.owner.restore_foreign(obj, state)
        elif type(state) is tuple and state and type(state[0]) is Stamp:
            state[0].fill(obj, state)
        elif isinstance(state, states.StampedState):
            state.stamp.fill(obj, (state.stamp, state.plain()))
        else:
            self.owner.restore(obj, state)

    def have_blanks(self, objects: list[Any]) -> bool:
        """Return whether nothing has filled one of these objects yet."""
        if self.layout.has_dict and self._have_attribute(objects):
            return False
        return any(map(self._is_blank, objects))

    def _have_attribute(self, objects: list[Any]) -> bool:
        """Return whether all these objects have the attribute that the first of them has first."""
        name = next(iter(objects[0].__dict__), None)
        if type(name) is not str or hasattr(self.cls, name):
            return False
        try:
            collections.deque(map(operator.attrgetter(name), objects), maxlen=0)
        except AttributeError:
            return False
        return True

    def _is_blank(self, obj: Any) -> bool:
        if self.layout.has_dict and obj.__dict__:
            return False
        return all(value_or(obj, field, self) is self for field in self.layout.fields)

    def check_class(self, obj: Any, claim: Claim) -> None:
        if type(obj) is not self.cls:
            found = f"{type(obj).__module__}:{type(obj).__qualname__}"
            raise StampError(claim.ref, f"an object of {found} carries this stamp")


class WholeCodec(Codec):
    """Store objects under one stamp, whatever they hold."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        super().__init__(owner, layout)
        self._stamp = self.new_stamp(None, self._fill_today)

    def _fill_today(self, claim: Claim) -> SetState:
        return self.upgrade(claim, self.chains.today())

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields is None else None


def _is_bare_exception(cls: type) -> bool:
    """Return whether *cls* is an exception that keeps nothing but args and attributes."""
    if not issubclass(cls, BaseException):
        return False
    return _base_in_c(cls).__basicsize__ == BaseException.__basicsize__


def _base_in_c(cls: type) -> type:
    """Return the built-in exception that a class derives from."""
    return next(base for base in cls.__mro__ if base.__module__ == "builtins")


def as_method(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a function that a class turns into a method, which it does not do for a bound one."""

    def method(obj: Any, argument: Any = 4) -> Any:
        return function(obj, argument)

    return method


def value_or(obj: Any, field: Field, nothing: Any) -> Any:
    try:
        return field.read(obj)
    except (AttributeError, KeyError):
        return nothing
