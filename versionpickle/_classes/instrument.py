"""What is put on a class, so that pickle itself stores and reads its version."""

from __future__ import annotations

import copyreg
import sys
import threading

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from versionpickle._wire.refs import MARK, look_up, ref_of
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import DeclarationError, UnreachableClassError
from versionpickle.migrations import Chain, Declaration, Registry, default_registry
from versionpickle.migrations._names import is_copy

from .lineage import Chains, Lineage, lineage_of
from .methods import FACTORIES, KNOWN, METHOD, new_id, new_method
from .plain import REDUCING, Plain, hides_state
from .unstamped import Unstamped


if TYPE_CHECKING:
    from .codecs.base import Codec
    from .codegen.methods import Reduce, SetState


class Instrumentation:
    """
    Serve ``__reduce_ex__`` and ``__setstate__`` of one class in one registry.

    It is in the ``__dict__`` of the class, and notices when a decorator such as
    ``attrs.define`` builds the class anew.
    """

    travels: ClassVar[Callable[..., Any]]
    """What it reduces to; the module that declares classes again elsewhere sets it."""

    def __init__(
        self, cls: type, declaration: Declaration, registry: Registry, identity: str = ""
    ) -> None:
        self.identity = identity or new_id()
        KNOWN[self.identity] = self
        self.cls = cls
        self.declaration = declaration
        self.registry = registry
        self.plain = Plain(cls)
        self.lock = threading.RLock()
        self._installed: dict[str, Any] = {}
        self._unstamped: Unstamped | None = None
        declaration.instrumentation = self

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        reduction: tuple[Any, ...] = self.travels(self, sys._getframe(1))
        return reduction

    def __set_name__(self, owner: type, name: str) -> None:
        self.install(owner)

    @property
    def is_installed(self) -> bool:
        return bool(self._installed)

    def install(self, cls: type) -> None:
        """Put methods on *cls* that compile those which replace them, when they are first used."""
        with self.lock:
            if cls is not self.cls:
                copyreg.dispatch_table.pop(self.cls, None)
            self.cls = self.plain.cls = cls
            self._unstamped = self.registry.fast_loads = None
            self.plain.take_reducer(cls)
            self._keep_originals()
            type.__setattr__(cls, MARK, self)
            for name in self._methods():
                self._put(name, FACTORIES[name](lambda: self))

    def _methods(self) -> list[str]:
        """Return the names of the methods that the class gets."""
        names = ["__reduce_ex__", "__setstate__"]
        if not hides_state(self.cls):
            names.append("__getstate__")
        if hasattr(self.cls, "_p_resolveConflict"):
            names.append("_p_resolveConflict")
        return names

    def method(self, name: str) -> Any:
        """Return the method that the class has, or will have, under this name."""
        with self.lock:
            if name not in self._installed:
                self._installed[name] = new_method(name, self.identity)
            return self._installed[name]

    def adopt_early(self, methods: dict[str, Any]) -> None:
        """Know methods that came to this process before it did."""
        self._installed.update(methods)
        self.plain.is_covered = True

    def _keep_originals(self) -> None:
        for name in ("__reduce_ex__", "__setstate__", "__getstate__", "_p_resolveConflict"):
            own = vars(self.cls).get(name)
            if own is not self._installed.get(name, self):
                self.plain.originals[name] = own
        self.plain.is_covered = True

    def _put(self, name: str, function: Callable[..., Any]) -> None:
        type.__setattr__(self.cls, name, function)
        function.__module__ = "versionpickle"
        function.__qualname__ = f"{METHOD}:{name}:{self.identity}"
        self._installed[name] = function

    def register(self, reducer: Any) -> None:
        """Let *reducer* serve any pickler, and be known as ours."""
        setattr(reducer, MARK, self)
        copyreg.dispatch_table[self.cls] = reducer

    def renew_reduce(self) -> None:
        """Let the class ask its codec for a ``__reduce_ex__`` when it needs one."""
        if self.is_installed:
            self._put("__reduce_ex__", FACTORIES["__reduce_ex__"](lambda: self))
            if getattr(copyreg.dispatch_table.get(self.cls), MARK, None) is self:
                copyreg.dispatch_table.pop(self.cls, None)

    def renew_setstate(self) -> None:
        """Let the class ask its codec for a ``__setstate__`` when it needs one."""
        if self.is_installed:
            self._put("__setstate__", FACTORIES["__setstate__"](lambda: self))

    def put_reduce(self) -> Reduce:
        """Let the class use the ``__reduce_ex__`` of its codec."""
        with self.lock:
            codec = self.codec
            self._put("__reduce_ex__", codec.reduce)
            if not codec.layout.custom_reduce:  # spares pickle the look-up of a method
                self.register(codec.reduce)
            return codec.reduce

    def put_setstate(self) -> SetState:
        """Let the class use the ``__setstate__`` of its codec."""
        with self.lock:
            self._put("__setstate__", self.codec.setstate)
            return self.codec.setstate

    @property
    def unstamped(self) -> Unstamped:
        """How objects without a stamp are made and filled; worked out at the first use."""
        if self._unstamped is None:
            with self.lock:
                if self._unstamped is None:
                    self._compile()
        assert self._unstamped is not None
        return self._unstamped

    @property
    def codec(self) -> Codec:
        """How the class keeps its state; worked out at the first use."""
        return self.unstamped.codec

    @property
    def chains(self) -> Chains:
        return self.unstamped.codec.chains

    def forget_unstamped(self) -> None:
        """Look up anew what chain the objects without a stamp take."""
        if self._unstamped is not None:
            self._unstamped.forget()

    def lineage(self) -> Lineage:
        return lineage_of(self.cls, self.declaration, self.registry)

    def _compile(self) -> None:
        from .codecs.choice import codec_of  # noqa: PLC0415 - only the first use needs it

        if self.is_installed:  # copyreg.pickle may have been called since
            self.plain.take_reducer(self.cls)
        codec = codec_of(self)
        self._unstamped = Unstamped(codec, self.declaration, self.registry)

    def stamp(self, claim: Claim, *, is_kept: bool = True) -> Stamp:
        """Return the stamp that makes and fills the objects of *claim*."""
        return self.codec.stamp(claim, is_kept=is_kept)

    def restore(self, obj: Any, state: Any) -> None:
        """Fill *obj* from a state that was stored without a stamp."""
        self.unstamped.restore(obj, state)

    def check_reachable(self) -> None:
        """Refuse to write objects of a class that no load could find again."""
        declaration = self.declaration
        named = self.registry.named(declaration.key)
        if named is not declaration and not self._is_declared_again(named):
            problem = f"the name {declaration.key!r} now means another class"
            raise UnreachableClassError(problem, declaration.ref, _cure_for(declaration, named))
        if declaration.name is not None:
            return
        try:
            found = look_up(declaration.ref)
        except LookupError as exc:
            raise UnreachableClassError(str(exc), declaration.ref, _MOVE_OR_NAME) from None
        if found is not self.cls and named is declaration:
            problem = "its module has something else of that name"
            raise UnreachableClassError(problem, declaration.ref, _MOVE_OR_NAME)

    def _is_declared_again(self, named: Declaration | None) -> bool:
        """Whether *named* is the same class after a reload, or in the copy of a script."""
        if named is None or not _is_same_ref(named.ref, self.declaration.ref):
            return False
        return _stored(named.instrumentation) == _stored(self)

    def explained(self, version: int, fields: tuple[str, ...] | None) -> Chain:
        """Return the chain that objects of *version* take, and what was generated for it."""
        lineage = self.lineage()
        *bases, _ = ((base.ref, base.version) for base in lineage)
        chain = self.chains.joined(lineage, (*bases, (self.declaration.ref, version)))
        stored = self._seen(version) if fields is None else fields
        return attrs.evolve(chain, source=self.codec.source(chain, stored))

    def _seen(self, version: int) -> tuple[str, ...] | None:
        """Return the fields in a stamp of *version* that some load has read."""
        declaration = self.registry.declaration
        for claim in [*self.registry.stamps]:  # loads add to them meanwhile
            if claim.version == version and declaration(claim.ref) is self.declaration:
                names: tuple[str, ...] = claim.names
                return names
        return None

    # Subclasses that are created later

    def put_watcher(self) -> None:
        """Let the class notice its subclasses."""
        name = "__init_subclass__"
        own = vars(self.cls).get(name)
        if own is not None:
            self.plain.originals[name] = own
        self._put(name, FACTORIES[name](lambda: self))
        type.__setattr__(self.cls, name, classmethod(self._installed[name]))

    def watch(self, subclass: Any, kwargs: dict[str, Any]) -> None:
        own = self.plain.originals.get("__init_subclass__")
        if own is None:  # attrs may have built the class anew since
            self.plain.above(subclass).__init_subclass__(**kwargs)
        else:
            own.__get__(None, subclass)(**kwargs)
        imply_unless_versioned(subclass)

    # States that frameworks ask for

    def put_getstate(self) -> Callable[[Any], Any]:
        """Let the class give pickle the plain state, and anybody else a stamped one."""
        plain = self.plain.method("__getstate__")
        reducing, stamped = REDUCING, self._state

        def __getstate__(self: Any) -> Any:
            return plain(self) if reducing.obj is self else stamped(self)

        with self.lock:
            self._put("__getstate__", __getstate__)
        return __getstate__

    def _state(self, obj: Any) -> Any:
        """Return the state of an object, with a stamp unless its own class will give it one."""
        if type(obj) is self.cls:
            return self.codec.state(obj)
        if instrumentation_of(type(obj)) is not None:  # its own method called super()
            return self.plain.state(obj)
        imply(type(obj), self.registry)
        return obj.__getstate__()

    def merged(self, obj: Any, name: str, states: tuple[Any, ...]) -> Any:
        """Return what a method of the class makes of several states, as a state of today."""
        method = self.plain.method(name)
        if type(obj) is not self.cls:
            return method(obj, *states)
        codec = self.codec
        return codec.stamped(method(obj, *map(codec.upgraded, states)))

    # Objects of a subclass, which inherited these methods

    def reduce_foreign(self, obj: Any, protocol: int) -> Any:
        if instrumentation_of(type(obj)) is not None:  # its own method called super()
            return self.plain.reduce(obj, protocol)
        imply(type(obj), self.registry)
        return obj.__reduce_ex__(protocol)

    def restore_foreign(self, obj: Any, state: Any) -> None:
        if instrumentation_of(type(obj)) is not None:
            self.plain.set_state(obj, state)
            return
        imply(type(obj), self.registry)
        obj.__setstate__(state)


def instrumentation_of(cls: type) -> Instrumentation | None:
    """Return the instrumentation in the class's own ``__dict__``."""
    return vars(cls).get(MARK)


def _is_same_ref(ref: str, other: str) -> bool:
    """Whether both name one class; a function makes another class at each call."""
    return "<locals>" not in ref and (ref == other or is_copy(ref, other))


def _stored(instrumentation: Instrumentation) -> tuple[object, ...]:
    """Return what the objects of a class claim and store."""
    *bases, declaration = instrumentation.lineage()
    versions = tuple((base.key, base.version) for base in bases)
    return declaration.version, versions, frozenset(instrumentation.codec.layout.names)


def _cure_for(declaration: Declaration, named: Declaration | None) -> str:
    if named is not None and _is_same_ref(named.ref, declaration.ref):
        return (
            "its module was reloaded, or its cell was run again, and stores other fields or "
            "another version now; create the object again from the new class"
        )
    return _MOVE_OR_NAME


_MOVE_OR_NAME = "move it to the top of its module, or give it a stable name with name=..."


def check_fields(cls: type, declaration: Declaration) -> None:
    """Refuse settings that name fields which the class does not have."""
    if declaration.transient:
        from .layout import check_transient  # noqa: PLC0415 - few classes need it

        check_transient(cls, declaration.transient)
    if declaration.extra == "keep":
        from .layout import check_extra, layout_of  # noqa: PLC0415 - as few

        check_extra(cls, layout_of(cls, declaration.transient))


def instrument(cls: type, declaration: Declaration, registry: Registry) -> None:
    """Version *cls*."""
    check_fields(cls, declaration)
    known = instrumentation_of(cls)
    if known is None:
        _forget_reloaded(declaration.ref, registry)
        known = Instrumentation(cls, declaration, registry)
    elif known.declaration.gives_way:
        if not known.declaration.is_implied:
            registry.forget_steps(declaration.ref)
        known.declaration, known.registry = declaration, registry
        declaration.instrumentation = known
    else:
        raise DeclarationError(
            declaration.ref,
            f"this class is at version {known.declaration.version} already",
            "declare it once",
        )
    registry.declare(declaration)
    known.install(cls)
    forget_in_subclasses(cls, registry)


def forget_in_subclasses(cls: type, registry: Registry) -> None:
    """Let the subclasses that were declared before *cls* notice that it is declared now."""
    subclasses: list[type] = type.__subclasses__(cls)
    for subclass in subclasses:
        declaration = registry.declared(ref_of(subclass))
        if declaration is not None:
            declaration.instrumentation.forget_unstamped()
        forget_in_subclasses(subclass, registry)


def imply(cls: type, registry: Registry) -> None:
    """Version a subclass that declares nothing itself: it is at version 1."""
    instrument(cls, Declaration(ref_of(cls), is_implied=True), registry)


def imply_unless_versioned(cls: type) -> None:
    if instrumentation_of(cls) is None:
        imply(cls, registry_of_bases(cls))


def registry_of_bases(cls: type) -> Registry:
    found = (instrumentation_of(base) for base in cls.__mro__[1:])
    return next((known.registry for known in found if known is not None), default_registry)


def _forget_reloaded(ref: str, registry: Registry) -> None:
    """Drop the steps of an earlier class of this ref: its module is being reloaded."""
    if registry.declared(ref) is not None:
        registry.forget_steps(ref)
