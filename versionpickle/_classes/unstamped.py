"""Load objects of a class that were pickled without a stamp, before it was versioned."""

from __future__ import annotations

import collections
import copyreg
import enum

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from versionpickle._wire.stamp import Claim
from versionpickle._wire.stamp_cache import size_of_names
from versionpickle.exceptions import StepError, VersionPickleError
from versionpickle.migrations import Chain, Declaration, Registry
from versionpickle.migrations._fields import OperationError, as_dict
from versionpickle.migrations._parts import ARGUMENTS, ITEMS

from . import parts
from .parts import Parts
from .stored_state import only_rebuilt, rebuilt


if TYPE_CHECKING:
    from .codecs.base import Codec
    from .codegen.methods import SetState
    from .conversion import Conversion


Run: TypeAlias = Callable[..., Any]
"""Calls a function with arguments and keywords."""

_FILLS_MAX = 64
"""How many sets of names get a function of their own."""

_NAMES_MAX = 2**18
"""How many bytes these and their code may take."""


class Unstamped:
    """Make and fill the objects that have no stamp; *found_as* is a former name of the class."""

    def __init__(self, codec: Codec, declaration: Declaration, registry: Registry) -> None:
        self.codec = codec
        self.cls: Any = codec.cls
        self.declaration = declaration
        self._registry = registry
        self._fills: dict[tuple[Any, ...], SetState | None] = {}

    def chain(self, state: Any, found_as: str | None = None) -> Chain:
        return self.codec.chains.of_unstamped(state, found_as)

    def restore(self, obj: Any, state: Any, found_as: str | None = None) -> None:
        """Fill *obj* from a state."""
        state = self.codec.of_models(state)
        chain = self.chain(state, found_as)
        if chain.version in self.declaration.factories:
            raise only_rebuilt(chain)
        stored = parts.taken_from(obj, self.codec.layout)
        if chain.names_items:
            stored.items = stored.items or parts.items_out_of(obj)
        given: tuple[Any, ...] = ()
        if not chain.steps and hasattr(self.cls, "__getnewargs__"):
            given, stored.arguments = stored.arguments, ()
        self._restore(obj, state, chain, stored)
        if given and not parts.are_handed_out(obj, given):
            chain.check_parts(Parts(given).added_to(None))

    def _restore(self, obj: Any, state: Any, chain: Chain, stored: Parts) -> None:
        if stored:
            state = stored.added_to(as_dict(state))
        if chain.ending is not None:
            self._converting(chain).fill(obj, state)
            return
        fill = self._fill_of(state, chain)
        if fill is None:
            self.codec.restore(obj, state, chain)
        else:
            fill(obj, as_dict(state))

    def _fill_of(self, state: Any, chain: Chain) -> SetState | None:
        """Return what was generated for such states, once for each chain and its names."""
        named = as_dict(state)
        if type(named) is not dict:
            return None
        key = (id(chain), *named)  # the codec keeps its chains
        if key not in self._fills:
            if len(self._fills) >= _FILLS_MAX or size_of_names((*named,)) > _NAMES_MAX:
                return None
            is_common = self._is_common(chain)
            self._fills[key] = self.codec.fill_of_dict((*named,), chain, is_common=is_common)
        return self._fills[key]

    def forget(self) -> None:
        """Drop what was generated: a base has been declared since, and may have steps."""
        self._fills.clear()
        self.codec.forget_dicts()

    def _is_common(self, chain: Chain) -> bool:
        """Return whether all states that are found under the name of the class take *chain*."""
        chains = self.codec.chains
        return chains.has_fixed_start() and chain is chains.of_unstamped(None, None)

    def conversion(self, state: Any, found_as: str | None = None) -> Conversion | None:
        """Return what turns an object that was stored with *state* into another, if anything."""
        if not self._registry.is_left(self.declaration):
            return None
        chain = self.chain(state, found_as)
        return None if chain.ending is None else self._converting(chain)

    def _converting(self, chain: Chain) -> Conversion:
        from .conversion import Conversion  # noqa: PLC0415 - few classes need it

        return Conversion(self._registry, chain, Claim(chain.ref, chain.version, None))

    def arguments_of(self, base: type, value: Any) -> Any:
        """Return the arguments of newer protocols for the *value* that protocols 0 and 1 store."""
        if base is object or issubclass(base, list | dict):
            if self.immutable and value:
                self._chain_of_all().check_parts({ITEMS: value})
            return ()
        is_named = self.codec.layout.kind == "named tuple"
        return value if is_named and type(value) is tuple else (value,)

    @property
    def made_from_state(self) -> bool:
        """Whether nothing but `make` can make the objects."""
        declaration = self.declaration
        return bool(declaration.rebuild) or self._registry.is_left(declaration)

    def make(self, stored: Parts, state: Any, found_as: str | None = None, obj: Any = None) -> Any:
        """Make an object from all that was stored of it, or fill *obj*, which a function made."""
        if self.declaration.has_factory:
            return self._rebuild(stored, state, found_as)
        factory = self._factory(state, found_as)
        if factory is not None:
            chain = self.chain(state, found_as)
            made = _rebuilt(factory, stored, state, attrs.evolve(chain, steps=()))
            if stored.items:
                parts.put_items(made, stored.items)
            return made
        conversion = self.conversion(state, found_as)
        if conversion is not None:
            return conversion.fill(None, state, stored)
        if obj is None:
            obj = self.made_by_new(stored.arguments, stored.keywords or {}, found_as)
        if stored.items and not parts.put_items(obj, stored.items):
            self.keep(obj, Parts(items=stored.items), found_as)
        self.restore(obj, state, found_as)
        return obj

    def _factory(self, state: Any, found_as: str | None) -> Any:
        """Return what makes the objects of the version of a state, if a function does."""
        factories = self.declaration.factories
        return factories.get(self.chain(state, found_as).version) if factories else None

    def _rebuild(self, stored: Parts, state: Any, found_as: str | None) -> Any:
        if self.is_enum:  # steps are for names, and these are values
            return _rebuilt(self.declaration.rebuild, stored, state, self.codec.chains.today())
        chain = self.chain(state, found_as)
        state = chain.run(state, set()) if chain.steps else state
        return _rebuilt(self.declaration.rebuild, stored, state, chain)

    @property
    def immutable(self) -> bool:
        """Whether an object is made from its values, and cannot be filled later."""
        return self.codec.immutable

    @property
    def is_remade(self) -> bool:
        """Whether nothing but `remake` can make the objects."""
        return self.immutable and self.declaration.unstamped != self.declaration.version

    def remake(self, values: Any, found_as: str | None = None, keywords: Any = None) -> Any:
        """Make an object from its values."""
        if keywords:
            chain = self._chain_of_all(found_as)
            if not chain.names_arguments:
                raise chain.failed("making the object", OperationError(_BY_NAME))
            values = Parts(values, keywords).added_to(None)
        return self.codec.remake(values, self.chain(values, found_as))

    @property
    def is_enum(self) -> bool:
        return issubclass(self.cls, enum.Enum)

    @property
    def is_changed_enum(self) -> bool:
        """Whether the values of unstamped members may mean other members now."""
        declaration = self.declaration
        is_changed = declaration.unstamped != declaration.version
        return self.is_enum and is_changed and not declaration.has_factory

    def member(self, name: str, found_as: str | None = None) -> Any:
        """Return the member of an enum that was stored by its name."""
        codec: Any = self.codec
        return codec.member(name, self.chain({"name": name}, found_as))

    def is_member(self, name: str) -> bool:
        """Return whether this may be the name of a member."""
        members: Any = getattr(self.cls, "__members__", {})
        return self.is_enum and (name in members or not hasattr(self.cls, name))

    @property
    def needs_builder(self) -> bool:
        """Whether C's unpickler would lose something of the objects."""
        chain = self._chain_of_all()
        return (
            self.made_from_state
            or self.is_remade
            or self.is_changed_enum
            or chain.names_arguments
            or chain.names_items
            or (self.cls.__new__ is not object.__new__ and parts.ignores_calls(self.cls))
            or (self.ignores_items and any(hasattr(self.cls, name) for name in _ITEM_METHODS))
        )

    @property
    def may_lose_arguments(self) -> bool:
        """Whether some arguments of ``__new__`` would not be kept as they are."""
        return not self.codec.immutable and (self.ignores_arguments or self.is_value)

    @property
    def is_value(self) -> bool:
        """Whether the class is made of a value, as the built-in type that it derives from."""
        return parts.is_value(self.cls)

    def loses(self, args: tuple[Any, ...], kwargs: Any) -> bool:
        """Return whether these arguments would not be kept as they are."""
        if self.ignores_arguments:
            return bool(args or kwargs)
        return not parts.fits(self.cls, args)

    @property
    def ignores_arguments(self) -> bool:
        """Whether the class takes any arguments for a blank object, and does nothing with them."""
        return not self.codec.takes_arguments

    @property
    def ignores_items(self) -> bool:
        """Whether items are no part of what the class is."""
        return not issubclass(self.cls, list | dict | set | collections.deque)

    def _chain_of_all(self, found_as: str | None = None) -> Chain:
        """Return the chain of objects of which no state is known; without steps if it varies."""
        if not self.codec.chains.has_fixed_start():
            return self.codec.chains.today()
        try:
            return self.chain(None, found_as)
        except VersionPickleError:  # the user of the chain gets this error
            return self.codec.chains.today()

    def leaves_items(self, methods: tuple[str, ...], found_as: str | None = None) -> bool:
        """Return whether items are for the steps: the class has no *methods* for them."""
        if not any(hasattr(self.cls, name) for name in methods):
            return True
        is_mapping = "__setitem__" in methods
        if is_mapping and issubclass(self.cls, list | collections.deque):
            return True
        return self._chain_of_all(found_as).names_items

    def blank(self, stored: Parts, found_as: str | None = None) -> Any:
        """Make a blank object; the steps get what else was stored when its state comes."""
        made = self._failing(self.cls.__new__, self.cls)
        if stored:
            self.keep(made, stored, found_as)
        return made

    def keep(self, obj: Any, stored: Parts, found_as: str | None = None) -> None:
        """Let the steps have these parts of an object, too."""
        if self.immutable:
            key = ITEMS if stored.items else ARGUMENTS
            self._chain_of_all(found_as).check_parts({key: ()})
        layout = self.codec.layout
        known = parts.taken_from(obj, layout)
        parts.keep(obj, layout, self._chain_of_all(found_as), known.joined(stored))

    def made_by_new(
        self, args: Any, kwargs: Any, found_as: str | None = None, run: Run | None = None
    ) -> Any:
        """Make an object from the arguments that pickle gives to ``__new__``."""
        chain = self._chain_of_all(found_as)
        if not (args or kwargs):
            return self.blank(Parts(), found_as)
        is_ignored = self.ignores_arguments or parts.ignored_by_new(self.cls, kwargs)
        if is_ignored or chain.names_arguments:
            return self.blank(Parts(args, kwargs), found_as)
        parts.check_fit(self.cls, args, chain)
        return self._failing(run or _run, self.cls.__new__, (self.cls, *args), kwargs)

    def not_called(self, args: Any, found_as: str | None = None) -> Any:
        """Make an object that a call of its class made, which a load may not do."""
        if self.codec.layout.open and not args:  # what that would set is unknown
            problem = OperationError(_NOT_CALLED)
            raise self._chain_of_all(found_as).failed("making the object", problem)
        return self.blank(Parts(args), found_as)

    def made_by_call(self, args: Any, run: Run, found_as: str | None) -> Any:
        """Make an object by a call of the class, or let the steps have the arguments."""
        check_values(self, found_as)
        chain = self._chain_of_all(found_as)
        if chain.names_arguments or (args and parts.ignores_calls(self.cls)):
            return self.blank(Parts(args), found_as)
        parts.check_fit(self.cls, args, chain)
        try:
            return run(self.cls, args)
        except TypeError as exc:
            if not chain.steps:
                raise parts.not_made(chain, exc) from exc
            return self.blank(Parts(args), found_as)

    def reconstructed(self, base: Any, value: Any, run: Run, found_as: str | None = None) -> Any:
        """Make an object as protocols 0 and 1 do, from the value of a base in C."""
        chain = self._chain_of_all(found_as)
        is_based = issubclass(self.cls, base) and not (
            base is not object and (chain.names_arguments or chain.names_items)
        )
        if is_based and not (base is dict and issubclass(self.cls, collections.OrderedDict)):
            reconstructor: Any = copyreg._reconstructor  # type: ignore[attr-defined] # known to pickle alone
            return self._failing(run, reconstructor, (self.cls, base, value))
        if issubclass(base, dict | list):
            made = self.blank(Parts(), found_as)
            if chain.names_items or not parts.put_items(made, value):
                self.keep(made, Parts(items=value), found_as)
            return made
        return self.blank(Parts(() if base is object else (value,)), found_as)

    def _failing(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make an object; an error names its class."""
        try:
            return make(*args, **kwargs)
        except Exception as exc:
            raise parts.not_made(self._chain_of_all(), exc) from exc

    def finished(self, obj: Any, state: Any) -> Any:
        """Fill what a function made, or return what it becomes; without a state it is of today."""
        return obj if state is None else self.make(Parts(), state, obj=obj)

    def is_unfinished(self, obj: Any) -> bool:
        """Return whether an object still waits for its state, or for steps."""
        return parts.are_in(obj, self.codec.layout) or self.have_blanks([obj])

    def have_blanks(self, objects: list[Any]) -> bool:
        """Return whether nothing has filled one of these objects yet."""
        return self.codec.have_blanks(objects)


_NOT_CALLED = (
    "it was made by a call of its class, which a load with limits= does not do for a class that "
    "stores fields today; load it without limits= if you trust it"
)
_BY_NAME = (
    "it was made from arguments with names, and today's class is not; raise version= and name "
    "the old ones with name_arguments(...) in a step, or let alias() name a function"
)
_ITEM_METHODS = ("append", "extend", "add", "__setitem__")


def _rebuilt(rebuild: Any, stored: Parts, state: Any, chain: Chain) -> Any:
    return rebuilt(rebuild, stored.arguments, state, chain, stored.keywords)


def _run(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return function(*args, **kwargs)


def check_values(instrumentation: Unstamped, found_as: str | None) -> None:
    """Refuse values of the members of an enum that has changed: they mean nothing now."""
    declaration = instrumentation.declaration
    if instrumentation.is_changed_enum:
        ref = found_as or declaration.ref
        raise StepError(
            declaration.ref,
            1,
            declaration.version,
            "finding an unstamped member",
            "it was stored by its value, which no step changes; map the old values to members "
            f"with alias({ref!r}, {{old: member, ...}}.__getitem__)",
        )
