"""The registry: all declarations, behind one lock."""

from __future__ import annotations

import threading

from collections.abc import Callable, Iterable
from typing import Any

from versionpickle._wire.refs import MARK, public
from versionpickle._wire.stamp import Stamp
from versionpickle._wire.stamp_cache import StampCache

from ._declaration import Declaration
from ._graph import StepGraph
from ._names import Names, Retired
from ._step import Step
from ._step_modules import StepModules


@public("versionpickle")
class Registry:
    """
    Know classes by all names they ever had, and the steps between versions.

    There is one default registry; pass ``registry=`` to declarations and loads
    to use one of your own.
    Registries never see each other.

    >>> from versionpickle.migrations import Registry
    >>> Registry("orders")
    <Registry 'orders'>
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.lock = threading.RLock()
        self.stamps = StampCache()
        self.foreign_stamps = StampCache()
        """The stamps of loads with limits, which may be made up: no class keeps those as well."""

        self.latest: dict[str, tuple[tuple[Any, ...], Stamp]] = {}
        """What the latest stamp of a ref claimed, and the stamp."""

        self.fast_loads: Callable[[Any], Any] | None = None
        """The load that most pickles take; made again when the meaning of names may change."""

        self.reducers: dict[type, Any] = {}
        """How to reduce classes that cannot, or may not, carry instrumentation."""

        self.has_bare_classes = False
        """Whether there are any of these."""

        self._names = Names()
        self.allowed = self._names.allowed
        self._graph = StepGraph(self._names.declared)
        self._step_modules = StepModules(self._drop_gone)

    def __repr__(self) -> str:
        return f"<Registry {self.name!r}>"

    def declare(self, declaration: Declaration) -> None:
        """Let all names of *declaration* mean its class."""
        with self.lock:
            _ = declaration.steps_module  # which refuses a relative name that leads nowhere
            self._graph.check_declared(declaration)
            self._names.declare(declaration)
            self._forget_stamps()

    def alias(self, ref: str, meaning: object) -> None:
        """Let *ref* mean a class, a function, a retired class, or another ref."""
        with self.lock:
            self._names.alias(ref, meaning)
            if isinstance(meaning, str):
                self.allowed.setdefault(meaning, None)
            self._forget_stamps()

    def allow(self, ref: str, target: object) -> None:
        """Admit *ref*; *target* is None where it is still to be imported."""
        with self.lock:
            self.allowed[ref] = target
            self.allowed.setdefault(self.target(ref), target)
            self.fast_loads = None

    def rename_package(self, old: str, new: str) -> None:
        """Let every ref below the package *old* mean the same below *new*; admit none."""
        with self.lock:
            self._names.packages[old] = new
            self._forget_stamps()

    def add_step(self, step: Step) -> None:
        with self.lock:
            self._graph.add(step)
            self.fast_loads = None
            if step.ending is not None:
                self._names.exits.add(step.ref)
                self._forget_stamps()

    def replace_step(self, old: Step, new: Step) -> None:
        """Let *new* take the place of *old*; it is an addition if that is not there any more."""
        with self.lock:
            self._graph.replace(old, new)
            self.fast_loads = None

    def add_down(self, ref: str, version: int, back: Callable[[Any], Any]) -> None:
        """Let *back* undo the step that leaves *version*."""
        with self.lock:
            self._graph.add_down(ref, version, back)

    def forget_steps(self, ref: str) -> None:
        """Drop the steps of a class that is being declared again."""
        with self.lock:
            self._graph.drop(ref)
            self.fast_loads = None
            self._names.exits.discard(ref)
            declared = self._names.declared.get(ref)
            if declared is not None:
                self._step_modules.forget(declared)

    def _drop_gone(self) -> None:
        """Drop what a module registered whose import failed."""
        with self.lock:
            self._names.drop_gone()
            self._graph.drop_gone()
            self._names.exits.intersection_update(self._graph.exits())
            self._forget_stamps()

    def _forget_stamps(self) -> None:
        self.stamps.clear()
        self.foreign_stamps.clear()
        self.latest.clear()
        self.fast_loads = None

    def resolve(self, ref: str) -> object:
        """
        Return what *ref* means.

        That is a Declaration, Retired, Converted, a class, a function, or None.
        """
        return self._names.resolve(ref)

    def is_retired(self, ref: str) -> bool:
        return isinstance(self.resolve(ref), Retired)

    def target(self, ref: str) -> str:
        """Return the ref that *ref* leads to, itself where nothing else is known."""
        return self._names.target(ref)

    def declaration(self, ref: str) -> Declaration | None:
        """Return the declaration of the class that *ref* means."""
        meaning = self.resolve(ref)
        return meaning if isinstance(meaning, Declaration) else None

    def declared(self, ref: str) -> Declaration | None:
        """Return the declaration of the class that is called *ref* today."""
        return self._names.declaration_of(ref)

    def named(self, key: str) -> Declaration | None:
        """Return the declaration whose objects are stamped with *key* today."""
        declaration = self._names.declared.get(key)
        return declaration if declaration is not None and declaration.key == key else None

    def reexported(self, ref: str) -> Declaration | None:
        """Return the declaration of a class that another module also has under its name."""
        return self._names.reexported(ref)

    def known(self) -> Iterable[str]:
        """Return the refs of all that is declared or allowed."""
        return (*self._names.declared, *self._names.exits, *self.allowed)

    def aliases(self) -> dict[str, object]:
        """Return what `alias` and `retire` let each ref mean."""
        return dict(self._names.aliases)

    def is_aliased(self, ref: str) -> bool:
        """Whether `alias` or `retire` was called for this ref."""
        return ref in self._names.aliases

    def has_aliased_attributes(self) -> bool:
        """Whether this is so for the ref of anything within a class."""
        return any("." in ref.partition(":")[2] for ref in self._names.aliases)

    def alias_of(self, meaning: object) -> str | None:
        """Return a ref that means *meaning* by an alias."""
        aliases = self._names.aliases.items()
        return next((ref for ref, known in aliases if known is meaning), None)

    def instrumentations(self) -> list[Any]:
        """Return the instrumentation of all classes that are declared here."""
        with self.lock:
            declared = dict.fromkeys(self._names.declared.values())
            return [declaration.instrumentation for declaration in declared]

    def is_left(self, declaration: Declaration) -> bool:
        """Whether a step leads out of the class, under one of its names."""
        return not self._names.exits.isdisjoint(declaration.names())

    @property
    def has_endings(self) -> bool:
        """Whether any step leads out of its class."""
        return bool(self._names.exits)

    def has_ending(self, name: str) -> bool:
        """Whether a step leads out of a class of this name."""
        return name in self._names.exits

    def path(
        self, ref: str, version: int, goal: Declaration, *, importing: bool = True
    ) -> tuple[Step, ...]:
        """
        Return the steps that lead from *version* of *ref* to *goal*, or out of that class.

        With *importing*, the module that holds the steps is imported if one is needed.
        """
        if importing and (ref != goal.ref or version < goal.version):
            self._step_modules.load(goal)
        return self._graph.path(ref, version, goal)

    def exit_steps(self, ref: str, version: int) -> tuple[Step, ...]:
        """Return the steps that lead out of a class that no longer exists."""
        return self._graph.exit_steps(ref, version)

    def steps(self) -> list[Step]:
        """Return all steps, sorted by class and version."""
        with self.lock:
            return self._graph.sorted()

    def steps_of(self, ref: str) -> list[Step]:
        """Return the steps of one class, in the order of their versions."""
        return [step for step in self.steps() if step.ref == ref]

    def has_step(self, ref: str, version: int) -> bool:
        """Whether a step leaves this version."""
        return (ref, version) in self._graph.steps

    def use(self, steps: Iterable[Step]) -> None:
        """Note that objects take *steps*: from now on their classes get no others."""
        self._graph.use(steps)


default_registry = Registry("default")


def checked_registry(registry: object) -> Registry:
    """Return *registry*, or the default one for None."""
    if registry is None:
        return default_registry
    if isinstance(registry, Registry):
        return registry
    raise TypeError(f"registry= takes a versionpickle.Registry, not {registry!r}")


def registry_of(target: object) -> Registry:
    """Return the registry that the class was declared in, or the default one."""
    instrumentation = vars(target).get(MARK) if isinstance(target, type) else None
    return default_registry if instrumentation is None else instrumentation.registry
