"""Objects that a step turns into another class, or into a value of the standard library."""

from __future__ import annotations

import collections
import enum
import functools

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from versionpickle._wire import calls
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import (
    Claim,
    Construction,
    Stamp,
    is_stamped,
    make_stamp,
)
from versionpickle.exceptions import DeclarationError, PlainLoadError, UnknownClassError
from versionpickle.migrations import Chain, Converted, Declaration, Registry, Step
from versionpickle.migrations._endings import Become, Replace
from versionpickle.migrations._fields import OperationError, as_dict
from versionpickle.migrations._names import Rebuilt
from versionpickle.migrations._parts import ARGUMENTS, ITEMS, KEYWORDS, PARTS

from .lineage import base_is_gone
from .parts import Parts, put_items, split_items
from .stored_state import check_arguments, check_length, only_rebuilt, rebuilt, unpacked
from .third_party import is_model, with_fields_of_model, without_model


@attrs.define(eq=False)
class Conversion:
    """Make of the states at the beginning of *chain* what they become at its end."""

    registry: Registry
    chain: Chain
    claim: Claim

    def make(self, *args: Any) -> Any:
        """Return an object that is still undecided, or what its values become."""
        if not self.claim.is_by_values:
            return pending(self, Parts(args))
        named = attrs.evolve(self.claim, fields=self.claim.names)
        check_arguments(named, self.chain, args)
        return self.finish(None, dict(zip(self.claim.names, args, strict=True)), set(), {})

    def fill(self, obj: Any, state: Any, stored: Parts | None = None) -> Any:
        """
        Return what *state* becomes.

        That is *obj*, if its class is not decided yet, or decided rightly.
        """
        if self.claim.is_by_values and is_stamped(state):
            return self._add_attributes(obj, state)
        stored = stored or stored_in(obj)
        if is_stamped(state):
            state, items = split_items(self.claim, state)
            stored = stored.joined(Parts(items=items))
        named, unset, extras = self._parts(state)
        return self.finish(obj, stored.added_to(named), unset, extras)

    def _add_attributes(self, obj: Any, state: Any) -> Any:
        """Give what the values became the further attributes that come behind them."""
        if not hasattr(obj, "__dict__"):
            names = ", ".join(map(repr, state[1]))
            problem = TypeError(f"what it becomes has no place for {names}")
            raise self.chain.failed("placing further attributes", problem)
        obj.__dict__.update(state[1])
        return obj

    def _parts(self, state: Any) -> tuple[Any, set[str], dict[str, Any]]:
        if not is_stamped(state):
            return with_fields_of_model(state), set(), {}
        if self.claim.fields is None:
            check_length(self.claim, state)
            return state[1], set(), {}
        return unpacked(self.claim, state)

    def finish(self, obj: Any, state: Any, unset: set[str], extras: dict[str, Any]) -> Any:
        last, goal, chain, state = self._followed(state, unset)
        if goal is None:
            last._refuse_filling(obj, "a value takes its place")
            return last._replaced({**state, **extras} if extras else state)
        if not is_model(goal.cls):
            state = without_model(state)
        if _is_made_whole(goal):
            last._refuse_filling(obj, f"{ref_of(goal.cls)} can only be made, and not filled")
            return _made_whole(goal, chain, {**state, **extras}, unset)
        items, arguments = _native_parts(goal, chain, state)
        if arguments:
            last._refuse_filling(obj, f"{ref_of(goal.cls)} is made from arguments")
            obj = goal.unstamped.made_by_new(arguments, {})
        elif obj is None:
            obj = goal.cls.__new__(goal.cls)
        elif type(obj) is not goal.cls:
            last._change_class(obj, goal.cls)
        if items:
            put_items(obj, items)
        goal.codec.fill_converted(obj, chain, state, unset, extras)
        return obj

    def decide(self, state: Any) -> type | None:
        """Return the class of what *state* becomes, if that can be filled later."""
        named, unset, _ = self._parts(state)
        _, goal, _, _ = self._followed(named, unset)
        return None if goal is None or _is_made_whole(goal) else goal.cls

    def _followed(self, state: Any, unset: set[str]) -> tuple[Conversion, Any, Any, Any]:
        """
        Follow this ending, and those behind it.

        Return the last conversion, the class where that ends, its chain, and the state;
        no class and no chain where it ends in a value.
        """
        state = self.chain.run(as_dict(state), unset)
        if self.ending.is_value:
            return self, None, None, state
        ref, version = self._ask_ending(state)
        goal, chain = self._goal(ref, version, state)
        if chain.ending is None:
            return self, goal, chain, state
        return Conversion(self.registry, chain, self.claim)._followed(state, unset)

    @property
    def ending(self) -> Become | Replace:
        ending = self.chain.ending
        assert ending is not None
        return ending

    def _ask_ending(self, state: Any) -> Any:
        try:
            return self.ending.ask(state)
        except Exception as exc:
            raise self.chain.failed(self.chain.steps[-1], exc) from exc

    def _replaced(self, state: Any) -> Any:
        """Return the value; items that its function has not asked for go into it."""
        if not isinstance(state, dict) or state.keys().isdisjoint(PARTS):
            return self._ask_ending(state)
        watched = WatchedState(state)
        value = self._ask_ending(watched)
        left = {part: state[part] for part in PARTS if part in state and part not in watched.seen}
        if isinstance(value, dict):
            for part in left:
                value.pop(part, None)
        if ITEMS in left and put_items(value, left[ITEMS]):
            del left[ITEMS]
        self.chain.check_parts(left)
        return value

    def _goal(self, ref: str, version: int, state: Any) -> tuple[Any, Chain]:
        """Return the class where the ending leads, and its chain from there on."""
        step = self.chain.steps[-1]
        meaning = self.registry.resolve(ref)
        if isinstance(meaning, Converted):
            way = (step.arrival(), *self.registry.exit_steps(meaning.ref, version))
            self.registry.use(way)
            return None, Chain(meaning.ref, version, version, way)
        if not isinstance(meaning, Declaration):
            problem = f"nobody declared it, and objects of {self.claim.ref} become objects of it"
            error = UnknownClassError(ref, version, problem)
            error.cure = (
                "import the module that declares it before loading, or let become() name another "
                "class"
            )
            raise error
        if issubclass(meaning.instrumentation.cls, enum.Enum):
            problem = f"{step} leads to an enum, whose members are there already"
            raise DeclarationError(
                ref, problem, "use replace() with a function that returns the member"
            )
        if version > meaning.version:
            problem = f"{step} leads beyond its version {meaning.version}"
            raise DeclarationError(ref, problem, "name a version of the class that there is")
        goal = meaning.instrumentation
        return goal, goal.chains.arriving(ref, version, self.claim.bases, step.arrival(), state)

    def _change_class(self, obj: Any, cls: type) -> None:
        vars(obj).clear()
        try:
            object.__setattr__(obj, "__class__", cls)
        except TypeError as exc:
            problem = f"objects of {ref_of(cls)} are more than a __dict__"
            raise self._only_by_loads(problem) from exc

    def _refuse_filling(self, obj: Any, problem: str) -> None:
        if obj is not None:
            raise self._only_by_loads(problem)

    def stuck(self) -> Exception:
        """Return the error for a state that leads back to the object itself."""
        problem = (
            "its state leads back to the object itself, which is not there before this step has "
            "run; let become() lead to a class that can be filled later, and by= ask nothing of "
            "its neighbours"
        )
        return self.chain.failed(self.chain.steps[-1], OperationError(problem))

    def _only_by_loads(self, problem: str) -> PlainLoadError:
        chain = self.chain
        return PlainLoadError(chain.ref, chain.version, chain.current, problem)


@attrs.frozen(eq=False)
class Remaking:
    """Make the old objects of a class by its ``rebuild=``."""

    rebuild: Callable[[Any, Any], Any]
    chain: Chain
    claim: Claim

    def make(self, *args: Any, **kwargs: Any) -> Any:
        """Return what waits for the state, or an object of named values."""
        if self.claim.is_by_values:
            return self.made(args, None)
        return pending(self, Parts(args, kwargs))

    def fill(self, obj: Any, state: Any, stored: Parts | None = None) -> Any:
        """Return what ``rebuild=`` makes of the arguments, and of the state after all steps."""
        if obj is not None:
            raise only_rebuilt(self.chain)
        stored = stored or Parts()
        state, items = split_items(self.claim, state) if is_stamped(state) else (state, None)
        if not is_stamped(state):
            named = state
        elif self.claim.fields is None:
            check_length(self.claim, state)
            named = state[1]
        else:
            values, _, extras = unpacked(self.claim, state)
            named = {**values, **extras} or None
        made = self.made(stored.arguments, named, stored.keywords)
        if stored.items or items:
            put_items(made, stored.items or items or [])
        return made

    def made(self, args: Any, state: Any, keywords: Any = None) -> Any:
        """Return what ``rebuild=`` makes of what was stored."""
        chain = self.chain
        upgraded = chain.run(state, set()) if chain.steps else state
        state = None if state is None and not upgraded else upgraded
        return rebuilt(self.rebuild, args, state, chain, keywords)

    def decide(self, state: Any) -> None:
        """Return no class: an object is only there when its state is."""

    def stuck(self) -> Exception:
        problem = "its state leads back to the object itself, which rebuild= has still to make"
        return self.chain.failed("its rebuild= function", OperationError(problem))


class WatchedState(dict[str, Any]):
    """A state that knows which parts of it a function has asked for."""

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__(state)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self.seen.add(name)
        return super().pop(name, *default)


class Pending:
    """An object whose class is not known before its state is."""

    __hash__ = None  # type: ignore[assignment] # its class is not known yet
    conversion: Any
    """What makes it another object."""

    stored: Parts
    """What was stored besides its state."""

    def __setstate__(self, state: Any) -> None:
        """Become an object of another class, if that has room for it; plain pickle comes here."""
        state[0].fill(self, state)

    def append(self, item: Any) -> None:
        """Keep an item for the steps."""
        self._keep([item])

    add = append

    def extend(self, items: Iterable[Any]) -> None:
        self._keep([*items])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._keep({key: value})

    def _keep(self, items: Any) -> None:
        self.stored = self.stored.joined(Parts(items=items))


def pending(conversion: Any, stored: Parts) -> Pending:
    """Return what represents an object until its state comes."""
    made = Pending()
    made.conversion, made.stored = conversion, stored
    return made


def stored_in(obj: Any) -> Parts:
    """Return what was stored besides the state of what was undecided."""
    return obj.stored if isinstance(obj, Pending) else Parts()


def _native_parts(goal: Any, chain: Chain, state: Any) -> tuple[Any, Any]:
    """Take what the new class is made of out of a state: its items, and its arguments."""
    cls, items, arguments = goal.cls, None, None
    if not isinstance(state, dict):
        return items, arguments
    if not chain.names_items and issubclass(cls, list | dict | set | collections.deque):
        items = state.pop(ITEMS, None)
    if not chain.names_arguments and goal.codec.takes_arguments:
        arguments = state.pop(ARGUMENTS, None)
    return items, arguments


def is_pending(stamp: Stamp) -> bool:
    """Return whether the objects of this stamp become others."""
    return stamp.cls is Pending


def _is_made_whole(goal: Any) -> bool:
    return bool(goal.codec.immutable or goal.declaration.has_factory)


def _made_whole(goal: Any, chain: Chain, state: Any, unset: set[str]) -> Any:
    if goal.declaration.has_factory:
        is_named = isinstance(state, dict)
        arguments = state.pop(ARGUMENTS, ()) if is_named else ()
        keywords = state.pop(KEYWORDS, None) if is_named else None
        state = chain.run(state, unset)
        return rebuilt(goal.declaration.rebuild, arguments, state, chain, keywords)
    return goal.codec.remake(state, chain)


class _GoneClass:
    """Make the unstamped objects of a name that is gone."""

    made_from_state = True
    immutable = False

    def arguments_of(self, base: type, value: Any) -> Any:
        """Return the arguments of newer protocols for what protocols 0 and 1 store."""
        return () if base is object else (value,)


@attrs.frozen
class RebuiltClass(_GoneClass):
    """Make them with a function."""

    meaning: Rebuilt

    def make(self, stored: Parts, state: Any, found_as: str | None = None) -> Any:
        claim = Claim(self.meaning.ref, 1, None)
        return remaking_of(self.meaning, claim).made(stored.arguments, state)

    def conversion(self, state: Any, found_as: str | None = None) -> None:
        """Return nothing: the object is there when the function has made it."""


def remaking_of(meaning: Rebuilt, claim: Claim) -> Remaking:
    """Return what makes the objects of *claim* under a name that is gone."""
    return Remaking(meaning.rebuild, Chain(claim.ref, claim.version, claim.version, ()), claim)


@attrs.frozen
class RemovedClass(_GoneClass):
    """Make what they become."""

    registry: Registry
    ref: str

    def make(self, stored: Parts, state: Any, found_as: str | None = None) -> Any:
        return self.conversion(state).fill(None, state, stored)

    def conversion(self, state: Any, found_as: str | None = None) -> Conversion:
        return exit_conversion(self.registry, Claim(self.ref, 1, None))


def exit_conversion(registry: Registry, claim: Claim) -> Conversion:
    """Return what makes others of the objects of a class that is gone."""
    steps = [
        step for base, number in claim.bases for step in _of_base(registry, claim, base, number)
    ]
    ref = registry.target(claim.ref)
    steps += registry.exit_steps(ref, claim.version)
    registry.use(steps)
    chain = Chain(ref, claim.version, claim.version, tuple(steps), claim.fields is None)
    return Conversion(registry, chain, claim)


def _of_base(registry: Registry, claim: Claim, name: str, version: int) -> tuple[Step, ...]:
    """Return the steps that a base of a class that is gone asks for."""
    base = registry.declaration(name)
    if base is None and registry.is_retired(name):
        return ()
    if base is None:
        raise base_is_gone(name, version, f"a base of {claim.ref}, nobody declared it")
    steps = registry.path(name, version, base)
    if steps and steps[-1].ending is not None:
        problem = f"its base takes the {steps[-1]}, and an object of a subclass cannot follow"
        cure = f"let the steps of {claim.ref} lead out of it from a version whose bases stay"
        raise DeclarationError(claim.ref, problem, cure)
    return steps


def conversion_stamp(conversion: Conversion | Remaking) -> Stamp:
    """Return the stamp of objects that become others."""
    claim, make = conversion.claim, (conversion.make,)
    return make_stamp(Pending, claim, conversion.fill, make=make, construction=_CONVERTING)


class _OfConversions(Construction):
    """Let all that a stream makes in one call become something else."""

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...], kwargs: Any, state: Any
    ) -> Any:
        is_of_class = function is None or function is stamp
        if is_of_class and not state:
            return stamp(*args, **kwargs)
        args = args if is_of_class else (function, *args)
        return self._convert(stamp, args, kwargs, state or None)

    def whole(self, function: Any, stamp: Stamp, *stored: Any) -> Any:
        if function is calls.member:
            return self._convert(stamp, (), {}, {"name": stored[0]})
        args, state, *keywords = stored
        return self._convert(stamp, args, dict(*keywords), state)

    def _convert(self, stamp: Stamp, args: Any, kwargs: Any, state: Any) -> Any:
        return conversion_of(stamp).fill(None, state, Parts(args, kwargs))


_CONVERTING = _OfConversions()


def conversion_of(stamp: Stamp) -> Conversion:
    """Return what the objects of a stamp become."""
    make: Any = stamp.func
    found: Conversion = make.__self__  # or what does as much
    return found


@functools.lru_cache(maxsize=1024)
def pending_class(ref: str) -> type:
    """Return a class for the blank objects of one that is gone."""
    return type(ref.rpartition(":")[2], (Pending,), {})
