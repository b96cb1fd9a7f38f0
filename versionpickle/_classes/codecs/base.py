"""How the objects of one class are stored and filled: what all shapes share."""

from __future__ import annotations

import collections
import copyreg
import functools

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from versionpickle._classes import reviving as _stream
from versionpickle._classes.codegen.methods import Reduce, SetState, Writer
from versionpickle._classes.field import Field
from versionpickle._classes.layout import Layout
from versionpickle._wire.stamp import MADE_FROM_ARGUMENTS, Claim, Stamp, make_stamp
from versionpickle.exceptions import StampError
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError


if TYPE_CHECKING:
    from versionpickle._classes.hooks import Hooks


Maker: TypeAlias = tuple[Any, ...] | None
"""A function, and its first arguments."""


class _Unfilled:
    """Stand for the value of a field that is still to come."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<a value that is still to come>"


UNFILLED = _Unfilled()


def is_blank_maker(function: Any) -> bool:
    """Return whether calling *function* without further arguments runs nobody's code."""
    return getattr(function, "makes_blanks", False) is True


class Codec:
    """Know how the objects of one class are stored and filled."""

    reduce: Reduce
    setstate: SetState
    immutable = False
    """Whether an object is made from its state, since nothing can fill it afterwards."""

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
        chain = self.hooks.chain(claim)
        if chain.edge is not None:
            from versionpickle._classes.conversion import Conversion, conversion_stamp  # noqa: PLC0415 - few classes need it

            return conversion_stamp(Conversion(self.hooks.registry, chain, claim))
        named = attrs.evolve(claim, fields=claim.names) if claim.is_by_values else claim
        fill = self.upgrade(named, chain)
        make = self.maker(named, chain, fill if claim.is_by_values else None)
        stamp = make_stamp(self.cls, claim, fill, _stream._revive, make=make)
        self.take_in(stamp, chain)
        return stamp

    def take_in(self, stamp: Stamp, chain: Chain) -> None:
        """Serve the states of an older *stamp* in a faster way, if there is one."""

    def source(self, chain: Chain, fields: tuple[str, ...] | None) -> str:
        """Return the function that upgrades a state of these fields, if one is generated."""
        return ""

    @property
    def today(self) -> Chain:
        """The chain of what is stored today: no step at all."""
        declaration = self.hooks.declaration
        return Chain(declaration.ref, declaration.version, declaration.version, ())

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        """Return today's stamp for these stored fields, if objects are stored so."""
        raise NotImplementedError

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        """Return what fills an object from a state of *claim*."""
        raise NotImplementedError

    def maker(self, claim: Claim, chain: Chain, fill: SetState | None) -> Maker:
        """
        Return what makes an object of *claim*, if not the ``__new__`` of the class.

        *fill* fills it where its values are the arguments.
        """
        if self.takes_arguments() or not (fill or self.trap or not claim.fields):
            return None
        return making_blank(claim, chain, fill, self.trap), self.cls

    def remake(self, state: Any, chain: Chain) -> Any:
        """Make an object from a state, of a class that *remakes*."""
        raise NotImplementedError

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        """Fill *obj* from a state that was stored without a stamp."""
        raise NotImplementedError

    def fill_converted(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        """Fill *obj* from the state of an object of another class."""
        self.restore(obj, {**state, **extras} if extras else state, chain)

    @functools.cached_property
    def trap(self) -> dict[str, Any]:
        """
        What makes the hash of a blank object fail, where it would have passed.

        It would find the defaults that stand on the class, and pickle would put the
        object into the wrong place of a set that it is a member of itself.
        """
        cls: Any = self.cls
        if not self.layout.has_dict or cls.__hash__ is object.__hash__:
            return {}
        in_dict = (field.name for field in self.layout.fields if field.slot is None)
        return dict.fromkeys((name for name in in_dict if hasattr(self.cls, name)), UNFILLED)

    def make_trapped(self) -> Any:
        """Make a blank object that cannot be hashed until it is filled."""
        new: Any = self.cls.__new__
        obj = new(self.cls)
        obj.__dict__.update(self.trap)
        return obj

    make_trapped.makes_blanks = True  # type: ignore[attr-defined] # functions have attributes

    def new_stamp(
        self,
        fields: tuple[str, ...] | None,
        fill: Callable[[Claim], SetState],
        make: Maker = None,
    ) -> Stamp:
        declaration = self.hooks.declaration
        claim = Claim(declaration.key, declaration.version, fields, self._bases)
        check = self.hooks.check_reachable
        return make_stamp(self.cls, claim, fill(claim), _stream._revive, check, make=make)

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the call that makes an object, with the stamp for the class."""
        if function is copyreg.__newobj__ and args[0] is self.cls:  # type: ignore[attr-defined] # known to pickle alone
            return stamp, args[1:]
        if function is copyreg.__newobj_ex__ and args[0] is self.cls:  # type: ignore[attr-defined] # as above
            return _stream._make, (stamp, stamp, args[1], args[2])
        if function is self.cls and self._keeps_args_alone:
            return stamp, args  # whatever its __init__ takes
        return _stream._make, (stamp, None if function is self.cls else function, args, {})

    @functools.cached_property
    def _keeps_args_alone(self) -> bool:
        """Whether this is an exception that is made of its args, whatever its __init__ takes."""
        return not self.layout.reduces_itself and _is_bare_exception(self.cls)

    @functools.cached_property
    def _keeps_state_in_c(self) -> bool:
        """Whether this is an exception of which C stores more than its args and ``__dict__``."""
        return issubclass(self.cls, ImportError | AttributeError)

    @property
    def _makes_itself(self) -> bool:
        new: Any = self.cls.__new__
        return new is not object.__new__

    def takes_arguments(self) -> bool:
        """Tell whether objects may be made from arguments."""
        layout = self.layout
        return layout.has_newargs or layout.custom_reduce or self._makes_itself

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
        return all(value_or(obj, field, self) is self for field in self.layout.fields)

    def check_class(self, obj: Any, claim: Claim) -> None:
        if type(obj) is not self.cls:
            met = f"{type(obj).__module__}:{type(obj).__qualname__}"
            raise StampError(claim.ref, f"an object of {met} carries this stamp")


def _is_bare_exception(cls: type) -> bool:
    """Tell whether *cls* is an exception that keeps nothing but args and attributes."""
    if not issubclass(cls, BaseException):
        return False
    in_c = next(base for base in cls.__mro__ if base.__module__ == "builtins")
    return in_c.__basicsize__ == BaseException.__basicsize__


def making_blank(
    claim: Claim, chain: Chain, fill: SetState | None, trap: dict[str, Any]
) -> Callable[..., Any]:
    """Return what makes a blank object; with *fill*, one that is filled from the arguments."""

    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        new: Any = cls.__new__
        obj = new(cls)
        if trap:
            obj.__dict__.update(trap)
        if args or kwargs:
            check_arguments(claim, chain, args if fill else (), kwargs)
            assert fill is not None
            fill(obj, (claim, *args))
        return obj

    make.makes_blanks = True  # type: ignore[attr-defined] # functions have attributes
    return make


def check_arguments(claim: Claim, chain: Chain, args: Any, kwargs: Any = ()) -> None:
    """Refuse arguments that are not the values of all fields."""
    if kwargs or not args or len(args) != len(claim.fields or ()):
        raise chain.failed("making the object", OperationError(MADE_FROM_ARGUMENTS))


def as_method(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a function that a class turns into a method, which it does not do for a bound one."""

    def method(obj: Any, argument: Any = 4) -> Any:
        return function(obj, argument)

    return method


def unpacked(claim: Claim, state: Any) -> tuple[dict[str, Any], set[str], dict[str, Any]]:
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
    raise StampError(claim.ref, count_problem(claim, state))


def with_extras(state: Any, extras: dict[str, Any]) -> Any:
    """Return *state* with these among its further attributes."""
    if not extras:
        return state
    stamp, *values = state
    if stamp.claim.fields is None:
        return stamp, {**values[0], **extras}
    is_whole = len(values) > len(stamp.claim.fields)
    further = values.pop() if is_whole else {}
    return stamp, *values, {**further, **extras}


def with_items(state: Any, items: Any, pairs: Any) -> Any:
    """Return *state* with further attributes and the items after its values."""
    fields = state[0].claim.fields
    is_whole = fields is None or len(state) == len(fields) + 2
    return (*state, *(() if is_whole else ({},)), list(items or ()), list(pairs or ()))


def without_items(obj: Any, claim: Claim, state: Any) -> Any:
    """Put the items that stand in *state* into the object, and return the rest."""
    parts = 4 if claim.fields is None else len(claim.fields) + 4
    if len(state) != parts:
        return state
    *rest, items, pairs = state
    if type(items) is not list or type(pairs) is not list:
        raise StampError(claim.ref, f"a state of {len(state) - 1} parts follows its stamp")
    for kind, extend in _RAW_ITEMS:
        if isinstance(obj, kind):
            extend(obj, items)
    for key, value in pairs:
        mapping = collections.OrderedDict if isinstance(obj, collections.OrderedDict) else dict
        mapping.__setitem__(obj, key, value)
    return tuple(rest)


_RAW_ITEMS: tuple[tuple[type, Any], ...] = (
    (list, list.extend),
    (collections.deque, collections.deque.extend),
)


def check_length(claim: Claim, state: Any) -> None:
    """Refuse a state of a class's own that is not there, or has too many parts."""
    if not 2 <= len(state) <= 3:
        raise StampError(claim.ref, f"a state of {len(state) - 1} parts follows its stamp")


def count_problem(claim: Claim, state: Any) -> str:
    return (
        f"its stamp names {len(claim.fields or ())} fields, and its state holds {len(state) - 1}"
    )


def value_or(obj: Any, field: Field, nothing: Any) -> Any:
    try:
        return field.read(obj)
    except (AttributeError, KeyError):
        return nothing
