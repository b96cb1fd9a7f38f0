"""Create the objects of a stamp, including those that an earlier class created differently."""

from __future__ import annotations

import functools

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from versionpickle._classes import parts
from versionpickle._classes.layout import Layout
from versionpickle._classes.parts import Parts
from versionpickle._classes.stored_state import check_arguments
from versionpickle._wire import calls
from versionpickle._wire.stamp import MAKES_BLANKS, Claim, Construction, Stamp
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError


class Installed(Protocol):
    """What may have put methods on a class."""

    @property
    def is_installed(self) -> bool:
        """Whether methods of ours are on the class."""


class Served(Protocol):
    """What the making of objects uses of the codec of their class."""

    cls: type
    layout: Layout
    immutable: bool
    stores_whole: Any

    @property
    def owner(self) -> Installed:
        """The instrumentation of the class."""

    @property
    def unhashable(self) -> dict[str, Any]:
        """What makes the hash of a blank object fail."""

    @property
    def is_called(self) -> bool:
        """Whether objects may be made by a call of the class."""

    @property
    def takes_arguments(self) -> bool:
        """Return whether the ``__new__`` of the class does anything with arguments."""

    def called(self, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Call the class."""

    def remake(self, state: Any, chain: Chain) -> Any:
        """Make an object from a state, of an immutable class."""

    def expect_parts(self, stamp: Stamp, chain: Chain) -> None:
        """Note that objects of a stamp have arguments for the steps."""


class StampConstruction(Construction):
    """Make blank objects; keep what else was stored for the steps, or give it to the class."""

    def __init__(self, codec: Served, claim: Claim, chain: Chain) -> None:
        self._codec = codec
        self._claim = claim
        self._chain = chain
        self._new: Any = codec.cls.__new__
        self._blank = functools.partial(self._new, codec.cls)
        self._stamp: Any = None
        self._is_watching = False
        self._watch = self.make
        self._takes_arguments = codec.takes_arguments and not chain.names_arguments

    def serve(self, stamp: Stamp) -> None:
        """
        Make the objects of an old *stamp*.

        Where that is safe, only the first of each pickle, to see whether they are made from
        arguments: if it was not, C makes the others of the pickle, which is faster.
        """
        self._stamp = stamp
        is_ours = stamp.func == self.make and not self._takes_arguments
        if is_ours and self._claim.fields and not self._codec.unhashable:
            self._is_watching = True
            stamp.begin = self._begin

    def _begin(self) -> None:
        if self._is_watching:
            _set_maker(self._stamp, self._watch, ())

    def make(self, *args: Any, **kwargs: Any) -> Any:
        """Make an object from what the stamp is called with."""
        if self._takes_arguments and not parts.ignored_by_new(self._codec.cls, kwargs):
            return self._named(lambda: self._new(self._codec.cls, *args, **kwargs), args)
        obj: Any = self._blank()
        if self._codec.unhashable:
            obj.__dict__.update(self._codec.unhashable)
        if args or kwargs:
            self._keep(obj, Parts(args, kwargs))
        elif self._is_watching:
            _set_maker(self._stamp, self._new, (self._codec.cls,))
        return obj

    setattr(make, MAKES_BLANKS, True)

    def _keep(self, obj: Any, stored: Parts) -> None:
        """Let the steps have *stored*, when the state comes."""
        self._is_watching = False
        if not self._chain.steps:
            self._chain.check_parts(stored.added_to(None))
        self._codec.expect_parts(self._stamp, self._chain)
        parts.keep(obj, self._codec.layout, self._chain, stored)

    @property
    def is_detached(self) -> bool:
        return not self._codec.owner.is_installed

    def check_arguments(self, stamp: Stamp, args: tuple[Any, ...]) -> None:
        is_in_c = stamp.func is self._new and not self._claim.is_by_values
        if args and is_in_c and not self._codec.takes_arguments:
            self._chain.check_parts(Parts(args).added_to(None))

    def expect_parts(self, stamp: Stamp) -> None:
        if self._stamp is not None:
            self._codec.expect_parts(stamp, self._chain)
        else:
            raise self._chain.failed("making the object", OperationError(_NO_ITEMS))

    def _named(self, make: Callable[[], Any], args: tuple[Any, ...] = ()) -> Any:
        """Make an object; an error names its class."""
        parts.check_fit(self._codec.cls, args, self._chain)
        try:
            return make()
        except VersionPickleError:
            raise
        except Exception as exc:
            raise parts.not_made(self._chain, exc) from exc

    def of_values(self, fill: Any) -> Callable[..., Any]:
        """Return what makes an object of the values of all its fields."""
        named = attrs.evolve(self._claim, fields=self._claim.names)

        def make(*values: Any, **kwargs: Any) -> Any:
            check_arguments(named, self._chain, values, kwargs)
            obj = self._blank()
            fill(obj, (named, *values))
            return obj

        setattr(make, MAKES_BLANKS, True)
        return make

    def called(self, stamp: Stamp, args: tuple[Any, ...], kwargs: Any) -> Any:
        is_uncalled = bool(args) and self._is_uncalled
        if not self._codec.is_called or self._chain.names_arguments or is_uncalled:
            return self.of_function(stamp, stamp, args, kwargs)
        return self._named(lambda: self._codec.called(args, kwargs), args)

    @functools.cached_property
    def _is_uncalled(self) -> bool:
        return parts.ignores_calls(self._codec.cls)

    def of_function(self, stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        if function is stamp:
            self.check_arguments(stamp, args)
        return self._named(lambda: function(*args, **kwargs))

    def whole(self, function: Any, stamp: Stamp, *stored: Any) -> Any:
        """Make an object of what was a member of an enum, or made by ``rebuild=``."""
        if self._codec.stores_whole is function:
            return super().whole(function, stamp, *stored)
        if function is calls.member:
            stored = (), as_state(stored[0])
        args, state, *keywords = stored
        if self._codec.immutable:
            return self._codec.remake(Parts(args, *keywords).added_to(state), self._chain)
        obj = stamp(*args, **dict(*keywords))
        stamp.fill(obj, (stamp, state))
        return obj


_NO_ITEMS = (
    "it was stored with items, which its class does not take; raise version=, and use "
    "name_items(...) in a step"
)


def as_state(stored: Any) -> Any:
    """Return the state of a member of an enum, as a step sees it."""
    if type(stored) is dict:
        return stored
    return {"name": stored} if type(stored) is str else {"names": stored}


def _set_maker(stamp: Any, function: Any, args: tuple[Any, ...]) -> None:
    partial: Any = functools.partial
    partial.__setstate__(stamp, (function, args, {}, vars(stamp)))
