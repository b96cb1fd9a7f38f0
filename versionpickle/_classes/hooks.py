"""The hooks of one class: how its objects reduce, and how a state fills them."""

from __future__ import annotations

import copyreg
import enum
import sys
import threading

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from versionpickle._wire.refs import MARK, is_version, look_up, ref_of, registered_reducer
from versionpickle._wire.stamp import MADE_FROM_ARGUMENTS, Bases, Claim, Stamp
from versionpickle.exceptions import (
    DeclarationError,
    StepError,
    UnknownClassError,
    UnreachableClassError,
)
from versionpickle.migrations import Chain, Declaration, Registry, Step
from versionpickle.migrations._fields import OperationError, as_dict, described


if TYPE_CHECKING:
    from versionpickle._classes.codecs.base import Codec
    from versionpickle._classes.codegen.methods import Reduce, SetState

    from .conversion import Conversion


class Hooks:
    """
    Serve ``__reduce_ex__`` and ``__setstate__`` of one class in one registry.

    Stands in the ``__dict__`` of the class, and notices when a decorator such as
    ``attrs.define`` builds the class anew.
    """

    def __init__(self, cls: type, declaration: Declaration, registry: Registry) -> None:
        self.cls = cls
        self.declaration = declaration
        self.registry = registry
        self.originals: dict[str, Any] = {}
        self.lock = threading.RLock()
        self._installed: dict[str, Any] = {}
        self._codec: Codec | None = None
        self._chains: dict[tuple[tuple[str, int], ...], Chain] = {}
        declaration.hooks = self

    def __set_name__(self, owner: type, name: str) -> None:
        self.install(owner)

    # On the class

    @property
    def is_installed(self) -> bool:
        return bool(self._installed)

    def install(self, cls: type) -> None:
        """Put the hooks on *cls*; they compile when they are first used."""
        with self.lock:
            if cls is not self.cls:
                copyreg.dispatch_table.pop(self.cls, None)
            self._note_reducer(cls)
            self.cls = cls
            self._codec = None
            self._chains.clear()
            self._note_originals()
            type.__setattr__(cls, MARK, self)
            self._put("__reduce_ex__", _first_reduce(self))
            self._put("__setstate__", _first_setstate(self))

    def _note_originals(self) -> None:
        for name in ("__reduce_ex__", "__setstate__"):
            own = vars(self.cls).get(name)
            if own is not self._installed.get(name, self):
                self.originals[name] = own

    def _note_reducer(self, cls: type) -> None:
        """Honour what `copyreg.pickle` was told of the class before us."""
        reducer = copyreg.dispatch_table.pop(cls, None)
        if reducer is not None and not hasattr(reducer, MARK):
            self.originals["copyreg"] = reducer

    def register(self, reducer: Any) -> None:
        """Let *reducer* serve any pickler, and be known as ours."""
        setattr(reducer, MARK, self)
        copyreg.dispatch_table[self.cls] = reducer

    def _put(self, name: str, function: Callable[..., Any]) -> None:
        type.__setattr__(self.cls, name, function)
        self._installed[name] = function

    def put_compiled(self, codec: Codec) -> None:
        """Let the class use what was written for it, if it carries hooks at all."""
        if not self.is_installed:
            return
        self._put("__reduce_ex__", codec.reduce)
        self._put("__setstate__", codec.setstate)
        if not codec.layout.custom_reduce:  # spares pickle the look-up of a method for each object
            self.register(codec.reduce)

    @property
    def codec(self) -> Codec:
        """How the class keeps its state; worked out at the first use."""
        if self._codec is None:
            with self.lock:
                if self._codec is None:
                    self._codec = self._compile()
        return self._codec

    def _compile(self) -> Codec:
        from versionpickle._classes.codecs.choice import codec_of  # noqa: PLC0415 - only the first use needs these modules

        if self.is_installed:  # copyreg.pickle may have been called since
            self._note_reducer(self.cls)
        codec = codec_of(self)
        self.put_compiled(codec)
        return codec

    def check_reachable(self) -> None:
        """Refuse to write objects of a class that no load could find again."""
        declaration = self.declaration
        if self.registry.named(declaration.key) is not declaration:
            raise UnreachableClassError(
                f"the name {declaration.key!r} means another class by now", declaration.ref
            )
        if declaration.name is not None:
            return
        try:
            found = look_up(declaration.ref)
        except LookupError as exc:
            raise UnreachableClassError(str(exc), declaration.ref) from None
        if found is not self.cls:
            raise UnreachableClassError(
                "its module has something else of that name", declaration.ref
            )

    # Loading

    def stamp(self, claim: Claim) -> Stamp:
        """Return the stamp that makes and fills the objects of *claim*."""
        return self.codec.stamp(claim)

    def restore(self, obj: Any, state: Any, found_as: str | None = None) -> None:
        """Fill *obj* from a state that was stored without a stamp."""
        conversion = self.conversion(state, found_as)
        if conversion is None:
            self.codec.restore(obj, state, self._unstamped_chain(state, found_as))
        else:
            conversion.fill(obj, state)

    def conversion(self, state: Any, found_as: str | None = None) -> Conversion | None:
        """Return what an object becomes that was stored with *state* alone, if it does."""
        if not self.registry.is_left(self.declaration):
            return None
        from .conversion import Conversion  # noqa: PLC0415 - few classes need it

        chain = self._unstamped_chain(state, found_as)
        if chain.edge is None:
            return None
        return Conversion(self.registry, chain, Claim(chain.ref, chain.version, None))

    @property
    def made_from_state(self) -> bool:
        """Whether nothing but `make` can make what was stored without a stamp."""
        return self.has_factory or self.registry.is_left(self.declaration)

    def make(self, args: Any, state: Any, found_as: str | None = None) -> Any:
        """Make an object of what was stored without a stamp."""
        if self.has_factory:
            return self.rebuild(args, state, found_as)
        conversion = self.conversion(state, found_as)
        if conversion is not None:
            conversion.refuse_arguments(args)
            return conversion.fill(None, state)
        new: Any = self.cls.__new__
        obj = new(self.cls, *args)
        self.restore(obj, state, found_as)
        return obj

    @property
    def has_factory(self) -> bool:
        """Whether the user gave a function that makes unstamped objects of their state."""
        return self.declaration.rebuild is not None

    def rebuild(self, args: Any, state: Any, found_as: str | None = None) -> Any:
        """Make an object of what was stored without a stamp."""
        if issubclass(self.cls, enum.Enum):  # steps speak of names, and these are values
            number = self.declaration.version
            return self.rebuilt(args, state, Chain(self.declaration.ref, number, number, ()))
        chain = self._unstamped_chain(state, found_as)
        return self.rebuilt(args, chain.run(state, set()) if chain.steps else state, chain)

    def rebuilt(self, args: Any, state: Any, chain: Chain) -> Any:
        rebuild: Any = self.declaration.rebuild
        try:
            return rebuild(args, state)
        except Exception as exc:
            raise chain.failed("its rebuild= function", exc) from exc

    @property
    def immutable(self) -> bool:
        """Whether an object is made from its values, and cannot be filled later."""
        return self.codec.immutable

    @property
    def immutable_unstamped(self) -> bool:
        """Whether nothing but `remake` can make what was stored without a stamp."""
        return self.immutable and self.declaration.unstamped != self.declaration.version

    def remake(self, values: Any, found_as: str | None = None) -> Any:
        """Make an object from values that were stored without a stamp."""
        return self.codec.remake(values, self._unstamped_chain(values, found_as))

    def check_arguments(self) -> None:
        """Refuse arguments for an unstamped object of a class that takes none."""
        if not self.codec.takes_arguments():
            chain = self._unstamped_chain(None, None)
            raise chain.failed("making the object", OperationError(MADE_FROM_ARGUMENTS))

    def check_unstamped(self) -> None:
        """Refuse unstamped members of an enum that has changed: their values say nothing now."""
        declaration = self.declaration
        if self.has_factory or not issubclass(self.cls, enum.Enum):
            return
        if declaration.unstamped != declaration.version:
            raise StepError(
                declaration.ref,
                1,
                declaration.version,
                "finding an unstamped member",
                "it was stored by its value; say what the old values mean with "
                f"alias({declaration.ref!r}, {{old: member, ...}}.__getitem__)",
            )

    def is_blank(self, obj: Any) -> bool:
        """Tell whether nothing has filled *obj* yet."""
        return self.codec.is_blank(obj)

    def chain(self, claim: Claim) -> Chain:
        """Return the steps from *claim* to today, each versioned base's first."""
        told = {
            self._known_base(name, number, claim): (name, number) for name, number in claim.bases
        }
        told[self.declaration] = (claim.ref, claim.version)
        named = dict.fromkeys(claim.names)  # all that is known of a state by now
        return self.join(
            tuple(
                told[base] if base in told else (base.ref, _unstamped(base, named))
                for base in self.lineage()
            )
        )

    def explained(self, version: int, fields: tuple[str, ...] | None) -> Chain:
        """Return the chain that objects of *version* take, and what was generated for it."""
        declaration = self.declaration
        *bases, _ = ((base.ref, base.version) for base in self.lineage())
        chain = self._joined((*bases, (declaration.ref, version)))
        stored = self._seen(version) if fields is None else fields
        return attrs.evolve(chain, source=self.codec.source(chain, stored))

    def _seen(self, version: int) -> tuple[str, ...] | None:
        """Return the fields in a stamp of *version* that some load has met."""
        declaration = self.registry.declaration
        for claim in [*self.registry.stamps]:  # loads add to them meanwhile
            if claim.version == version and declaration(claim.ref) is self.declaration:
                return claim.names
        return None

    def _known_base(self, name: str, version: int, claim: Claim) -> Declaration:
        base = self.registry.declaration(name)
        if base is None:
            problem = f"nobody declared it, and it is a base of {claim.ref}"
            raise UnknownClassError(name, version, problem)
        if base not in self.lineage() and claim.version == self.declaration.version:
            problem = (
                f"{self.declaration.ref} derives from it no more: raise the version of that, "
                "and let a step say what became of the fields"
            )
            raise UnknownClassError(name, version, problem)
        return base

    def _unstamped_chain(self, state: Any, found_as: str | None) -> Chain:
        starts = [(base.ref, _unstamped(base, state)) for base in self.lineage()]
        if found_as is not None:
            former = self.declaration.formerly.get(found_as)
            starts[-1] = (found_as, former or starts[-1][1])
        return self.join(tuple(starts))

    def arriving(self, ref: str, version: int, bases: Bases, arrival: Step, state: Any) -> Chain:
        """Return the steps of a state that comes, by *arrival*, from a class with these bases."""
        left = {self.registry.declaration(name) for name, _ in bases}
        starts = [
            (base.ref, base.version if base in left else _unstamped(base, state))
            for base in self.lineage()
        ]
        starts[-1] = (ref, version)
        chain = self.join(tuple(starts))
        return attrs.evolve(chain, steps=(arrival, *chain.steps))

    def join(self, starts: tuple[tuple[str, int], ...]) -> Chain:
        """Return the steps of the whole lineage, from these names and versions on."""
        if starts not in self._chains:
            chain = self._joined(starts)
            self.registry.use(chain.steps)
            self._chains[starts] = chain
        return self._chains[starts]

    def _joined(self, starts: tuple[tuple[str, int], ...]) -> Chain:
        steps: list[Step] = []
        for declaration, (name, number) in zip(self.lineage(), starts, strict=True):
            ref = declaration.ref if name == declaration.name else self.registry.target(name)
            steps += self.registry.path(ref, number, declaration)
            if declaration is not self.declaration and steps and steps[-1].edge is not None:
                raise self._left_by_base(steps[-1])
        return Chain(
            self.declaration.ref,
            starts[-1][1],
            self.declaration.version,
            tuple(steps),
            self.codec.layout.restores_itself or self.has_factory,
        )

    def _left_by_base(self, step: Step) -> DeclarationError:
        return DeclarationError(
            self.declaration.ref,
            f"its base takes the {step}, and an object of a subclass cannot follow",
            f"raise the version of {self.declaration.ref} and give it a become() of its own, with "
            "bases that need no such step",
        )

    def lineage(self) -> Iterator[Declaration]:
        """Yield the declarations of the versioned classes in the MRO, bases first."""
        for base in reversed(self.cls.__mro__):
            declaration = self._declaration_of(base)
            if declaration is not None:
                yield declaration

    def _declaration_of(self, base: type) -> Declaration | None:
        if base is self.cls:
            return self.declaration
        hooks = hooks_of(base)
        if hooks is not None and hooks.registry is self.registry:
            return hooks.declaration
        declaration = self.registry.declared(ref_of(base))
        # A named tuple bears the name of the class that is derived from it.
        return None if declaration is self.declaration else declaration

    # Objects of a subclass, which inherited these hooks

    def reduce_foreign(self, obj: Any, protocol: int) -> Any:
        if hooks_of(type(obj)) is not None:  # its own method called super()
            return self.plain_reduce(obj, protocol)
        imply(type(obj), self.registry)
        return obj.__reduce_ex__(protocol)

    def restore_foreign(self, obj: Any, state: Any) -> None:
        if hooks_of(type(obj)) is not None:
            self.plain_setstate(obj, state)
            return
        imply(type(obj), self.registry)
        obj.__setstate__(state)

    # What the class would do without us

    def plain_reduce(self, obj: Any, protocol: int) -> Any:
        reducer = registered_reducer(self.cls)
        if reducer is not None and type(obj) is self.cls:
            return reducer(obj)
        original = self.originals.get("__reduce_ex__")
        if original is not None:
            return original.__get__(obj, type(obj))(protocol)
        if not self.is_installed:
            others = hooks_of(self.cls)  # of another registry
            plain = obj.__reduce_ex__ if others is None else partial(others.plain_reduce, obj)
            return plain(max(protocol, 2))
        return self._above(obj).__reduce_ex__(max(protocol, 2))

    def _above(self, obj: Any) -> Any:
        cls: Any = self.cls
        return super(cls, obj)

    def plain_setstate(self, obj: Any, state: Any) -> None:
        setstate = self._plain_setstate(obj)
        if setstate is None:
            set_attributes(obj, state)
        else:
            setstate(state)

    def _plain_setstate(self, obj: Any) -> Any:
        original = self.originals.get("__setstate__")
        if original is not None:
            return original.__get__(obj)
        if not self.is_installed:
            others = hooks_of(self.cls)
            return others._plain_setstate(obj) if others else getattr(obj, "__setstate__", None)
        return getattr(self._above(obj), "__setstate__", None)


def restore(obj: Any, state: Any) -> None:
    """Give an object its state as pickle does."""
    setstate = getattr(obj, "__setstate__", None)
    if setstate is None:
        set_attributes(obj, state)
    else:
        setstate(state)


def set_attributes(obj: Any, state: Any) -> None:
    """Set what pickle would set on an object that has no ``__setstate__``."""
    is_pair = isinstance(state, tuple) and len(state) == 2
    attributes, slots = state if is_pair else (state, None)
    if attributes:
        interned = ((sys.intern(name) if type(name) is str else name) for name in attributes)
        obj.__dict__.update(zip(interned, attributes.values(), strict=True))
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


def hooks_of(cls: type) -> Hooks | None:
    """Return the hooks that stand in the class's own ``__dict__``."""
    return vars(cls).get(MARK)


def _unstamped(declaration: Declaration, state: Any) -> int:
    """Return the version of a state that was stored without a stamp."""
    if isinstance(declaration.unstamped, int):
        return declaration.unstamped
    try:
        version = declaration.unstamped(as_dict(state))
    except Exception as exc:
        raise _no_version(declaration, described(exc)) from exc
    if not is_version(version) or version > declaration.version:
        raise _no_version(
            declaration,
            f"it returned {version!r}, and the versions of the class are 1 to "
            f"{declaration.version}",
        )
    return version


def _no_version(declaration: Declaration, problem: str) -> StepError:
    return StepError(declaration.ref, 1, declaration.version, "its unstamped= function", problem)


def _first_reduce(hooks: Hooks) -> Reduce:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return hooks.codec.reduce(self, protocol)

    return __reduce_ex__


def _first_setstate(hooks: Hooks) -> SetState:
    def __setstate__(self: Any, state: Any) -> None:
        hooks.codec.setstate(self, state)

    return __setstate__


def check_fields(cls: type, declaration: Declaration) -> None:
    """Refuse settings that name fields which the class does not have."""
    if declaration.transient:
        from .layout import check_transient  # noqa: PLC0415 - few classes need it

        check_transient(cls, declaration.transient)
    if declaration.extra == "keep":
        from .layout import check_extra, layout_of  # noqa: PLC0415 - as few

        check_extra(cls, layout_of(cls, declaration.transient))


def declare(cls: type, declaration: Declaration, registry: Registry) -> None:
    """Version *cls*."""
    check_fields(cls, declaration)
    hooks = hooks_of(cls)
    if hooks is None:
        _forget_reloaded(declaration.ref, registry)
        hooks = Hooks(cls, declaration, registry)
    elif hooks.declaration.is_implied:
        hooks.declaration, hooks.registry = declaration, registry
        declaration.hooks = hooks
    else:
        raise DeclarationError(
            declaration.ref,
            f"this class is at version {hooks.declaration.version} already",
            "declare it once",
        )
    registry.declare(declaration)
    hooks.install(cls)


def imply(cls: type, registry: Registry) -> None:
    """Version a subclass that says nothing itself: it is at version 1."""
    declare(cls, Declaration(ref_of(cls), is_implied=True), registry)


def _forget_reloaded(ref: str, registry: Registry) -> None:
    """Drop the steps of an earlier class of this ref: its module is being reloaded."""
    if registry.declared(ref) is not None:
        registry.forget_steps(ref)
