"""The registry: what every name in a pickle means, and which steps there are."""

from __future__ import annotations

import importlib
import threading

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from versionpickle._wire.refs import public, ref_of
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import (
    DeclarationError,
    FutureVersionError,
    MissingStepError,
    PastVersionError,
)

from ._chain import Step
from ._declaration import Declaration
from ._edges import Become


@public("versionpickle.migrations")
@attrs.frozen
class Retired:
    """Stand for a class that no longer exists."""

    ref: str

    def __repr__(self) -> str:
        return "a retired class"


@public("versionpickle.migrations")
@attrs.frozen
class Converted:
    """Stand for a class that is gone, and whose steps say what became of its objects."""

    ref: str


@public("versionpickle")
class Registry:
    """
    Know classes by all names they ever had, and the steps between versions.

    There is one default registry; give ``registry=`` to the declarations and
    to the loads for one of your own.
    Registries never see each other.

    >>> from versionpickle.migrations import Registry
    >>> Registry("orders")
    <Registry 'orders'>
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.lock = threading.RLock()
        self.stamps: dict[Claim, Stamp] = {}
        """Stamps by what they claim; a cache that may be cleared."""

        self.latest: dict[str, tuple[tuple[Any, ...], Stamp]] = {}
        """What the latest stamp of a ref said, and the stamp."""

        self.fast_loads: Callable[[Any], Any] | None = None
        """The load that most pickles take; made anew whenever names may mean something else."""

        self.reducers: dict[type, Any] = {}
        """How to reduce classes that cannot, or may not, carry hooks."""

        self.allowed: dict[str, object] = {}
        self._declared: dict[str, Declaration] = {}
        self._meanings: dict[str, object] = {}
        self._packages: dict[str, str] = {}
        self._steps: dict[tuple[str, int], Step] = {}
        self._left: set[str] = set()
        """The classes that a step leads out of."""

        self._used: set[str] = set()
        self._imported: set[str] = set()
        self._stale: set[str] = set()
        """Modules whose steps are dropped, and that must run again."""

    def __repr__(self) -> str:
        return f"<Registry {self.name!r}>"

    # Declaring

    def declare(self, declaration: Declaration) -> None:
        """Let all names of *declaration* mean it."""
        with self.lock:
            for name in declaration.names():
                self._refuse_other(name, declaration)
            for step in self._steps.values():
                _check_name(step, declaration)
                if step.ref == declaration.ref:
                    _check_reach(step, declaration)
            self._declared.update(dict.fromkeys(declaration.names(), declaration))
            self._forget_stamps()

    def _refuse_other(self, name: str, declaration: Declaration) -> None:
        other = self._declared.get(name)
        if other is not None and other.ref != declaration.ref:
            raise DeclarationError(
                declaration.ref,
                f"the name {name!r} already means {other.ref}",
                "give one of the two another name= or formerly=",
            )

    def mean(self, ref: str, meaning: object) -> None:
        """Let *ref* mean a class, a function, a retired class, or another ref."""
        if meaning is None:
            raise DeclarationError(
                ref, "a name cannot mean None", "give a function that returns it: lambda: None"
            )
        with self.lock:
            known = self._meanings.get(ref, meaning)
            if known != meaning:
                raise DeclarationError(
                    ref,
                    f"this already means {known!r}",
                    "remove one of the two alias() or retire() calls",
                )
            if isinstance(meaning, str) and ref in self._followed(meaning):
                raise DeclarationError(
                    ref,
                    f"this alias leads back to itself, by way of {meaning}",
                    "remove one of the alias() calls",
                )
            self._meanings[ref] = meaning
            if isinstance(meaning, str):
                self.allowed.setdefault(meaning, None)
            self._forget_stamps()

    def allow(self, ref: str, target: object) -> None:
        """Admit *ref*; *target* is None where it is still to be imported."""
        with self.lock:
            self.allowed[ref] = target
            self.fast_loads = None

    def rename_package(self, old: str, new: str) -> None:
        """Let every ref below the package *old* mean the same below *new*; admit none."""
        with self.lock:
            self._packages[old] = new
            self._forget_stamps()

    def declared(self, ref: str) -> Declaration | None:
        """Return the declaration of the class that is called *ref* today."""
        declaration = self._declared.get(ref)
        return declaration if declaration is not None and declaration.ref == ref else None

    def all_hooks(self) -> list[Any]:
        """Return the hooks of all classes that are declared here."""
        with self.lock:
            return [declaration.hooks for declaration in dict.fromkeys(self._declared.values())]

    def _forget_stamps(self) -> None:
        self.stamps.clear()
        self.latest.clear()
        self.fast_loads = None

    def named(self, key: str) -> Declaration | None:
        """Return the declaration whose objects are stamped with *key* today."""
        declaration = self._declared.get(key)
        return declaration if declaration is not None and declaration.key == key else None

    def forget_steps(self, ref: str) -> None:
        """Drop the steps of a class that is being declared anew."""
        with self.lock:
            self._steps = {node: step for node, step in self._steps.items() if node[0] != ref}
            self._used.discard(ref)
            self._left.discard(ref)
            declared = self._declared.get(ref)
            if declared is not None and declared.migrations in self._imported:
                self._imported.discard(declared.migrations)
                self._stale.add(declared.migrations)

    def add_step(self, step: Step) -> None:
        with self.lock:
            self._check_step(step)
            self._steps[step.ref, step.version] = step
            if step.edge is not None:
                self._left.add(step.ref)
                self._forget_stamps()

    def add_down(self, ref: str, version: int, back: Callable[[Any], Any]) -> None:
        """Let *back* undo the step that leaves *version*."""
        with self.lock:
            step = self._steps[ref, version]
            if step.back is not None:
                raise DeclarationError(ref, f"two functions undo {step}", "remove one of them")
            self._check_unused(step)
            self._steps[ref, version] = attrs.evolve(step, back=back)

    def _check_step(self, step: Step) -> None:
        if step.to <= step.version:
            raise DeclarationError(
                step.ref,
                f"a step from version {step.version} to {step.to} leads to no later version",
                f"give to= a version above {step.version}, or leave it out",
            )
        if (step.ref, step.version) in self._steps:
            raise DeclarationError(
                step.ref,
                f"two steps leave version {step.version}: "
                f"{self._steps[step.ref, step.version]} and {step}",
                "remove one of them",
            )
        declaration = self._declared.get(step.ref)
        if declaration is not None:
            _check_reach(step, declaration)
        self._check_unused(step)
        self._check_ends(step)

    def _check_ends(self, step: Step) -> None:
        """Refuse a step from where the way leads back to it."""
        coming, seen = self._nodes_after(step), set[tuple[str, int]]()
        while coming:
            node = coming.pop()
            if node == (step.ref, step.version):
                raise DeclarationError(
                    step.ref,
                    f"{step} leads in a circle, back to version {step.version}",
                    "let one of the steps on the way lead to a later version",
                )
            if node not in seen:
                coming += self._nodes_from(*node)
            seen.add(node)

    def _nodes_from(self, ref: str, version: int) -> list[tuple[str, int]]:
        step = self._steps.get((ref, version))
        if step is not None:
            return self._nodes_after(step)
        declared = self._declared.get(ref)
        return [(declared.ref, version)] if declared is not None and declared.ref != ref else []

    def _nodes_after(self, step: Step) -> list[tuple[str, int]]:
        if step.edge is None:
            return [(step.ref, step.to)]
        return [*step.edge.into.items()] if isinstance(step.edge, Become) else []

    def _check_unused(self, step: Step) -> None:
        if step.ref in self._used:
            raise DeclarationError(
                step.ref,
                f"{step} comes too late: objects of this class were upgraded already",
                "register steps where the class is defined, before the first load",
            )

    # Asking

    def resolve(self, ref: str) -> object:
        """Return what *ref* means: a Declaration, Retired, Elsewhere, class, function, or None."""
        found = self.target(ref)
        meaning = self._meaning(found)
        if meaning is None and found in self._left:
            return Converted(found)
        if isinstance(meaning, type):
            return self._declared.get(ref_of(meaning), meaning)
        return meaning

    def _meaning(self, ref: str) -> object:
        return self._meanings[ref] if ref in self._meanings else self._declared.get(ref)

    def target(self, ref: str) -> str:
        """Return the ref that *ref* leads to, itself where nothing else is known."""
        *_, last = self._followed(ref)
        return last

    def _followed(self, ref: str) -> Iterator[str]:
        """Yield *ref*, and the refs that it means one after the other."""
        moved: set[str] = set()
        following: object = ref
        while isinstance(following, str):
            ref = following
            yield ref
            following = self._meaning(ref)
            if following is None and ref not in self._left:
                following = self._in_new_package(ref, moved)

    def _in_new_package(self, ref: str, moved: set[str]) -> str | None:
        """Return *ref* below the new name of its package; each package moves but once."""
        module, _, qualname = ref.partition(":")
        package = module
        while package:
            if package in self._packages and package not in moved:
                moved.add(package)
                return f"{self._packages[package]}{module[len(package) :]}:{qualname}"
            package = package.rpartition(".")[0]
        return None

    def known(self) -> Iterable[str]:
        """Return the refs of all that is declared or allowed."""
        return (*self._declared, *self._left, *self.allowed)

    def is_left(self, declaration: Declaration) -> bool:
        """Tell whether a step leads out of the class, under one of its names."""
        return not self._left.isdisjoint(declaration.names())

    @property
    def has_edges(self) -> bool:
        """Whether any step leads out of its class."""
        return bool(self._left)

    def is_named_by_edge(self, name: str) -> bool:
        """Tell whether a step leads out of a class of this name."""
        return name in self._left

    def declaration(self, ref: str) -> Declaration | None:
        meaning = self.resolve(ref)
        return meaning if isinstance(meaning, Declaration) else None

    def path(
        self, ref: str, version: int, goal: Declaration, *, importing: bool = True
    ) -> tuple[Step, ...]:
        """
        Return the steps that lead from *version* of *ref* to *goal*, or out of that class.

        A hole is found here, before the first of them runs.
        With *importing*, the module that holds the steps is imported if one is needed.
        """
        if importing and (ref != goal.ref or version < goal.version):
            self._import_steps(goal)
        steps: list[Step] = []
        reached = version
        while ref != goal.ref or reached < goal.version:
            if ref == goal.ref and reached < goal.oldest:
                raise PastVersionError(goal.ref, version, goal.version, goal.oldest)
            step = self._steps.get((ref, reached))
            if step is not None:
                steps.append(step)
                if step.edge is not None:
                    return tuple(steps)
                reached = step.to
            elif ref != goal.ref:
                ref = goal.ref
            else:
                raise MissingStepError(goal.ref, version, goal.version, reached)
        if reached > goal.version:
            raise FutureVersionError(goal.ref, version, goal.version)
        return tuple(steps)

    def exit_steps(self, ref: str, version: int) -> tuple[Step, ...]:
        """Return the steps that lead out of a class that is gone."""
        steps: list[Step] = []
        reached = version
        while not steps or steps[-1].edge is None:
            step = self._steps.get((ref, reached))
            if step is None:
                raise MissingStepError(ref, version, version, reached)
            steps.append(step)
            reached = step.to
        return tuple(steps)

    def _import_steps(self, goal: Declaration) -> None:
        """Import the module that holds the steps to *goal*."""
        module = goal.migrations
        if module is None or module in self._imported:
            return
        try:
            found = importlib.import_module(module)
            if module in self._stale:  # its steps went with the class that was there before
                self._stale.discard(module)
                importlib.reload(found)
        except ImportError as exc:
            raise DeclarationError(
                goal.ref,
                f"its migrations={module!r} cannot be imported ({exc})",
                "name the module that registers its steps",
            ) from exc
        self._imported.add(module)

    def steps_of(self, ref: str) -> list[Step]:
        """Return the steps of one class, in the order of their versions."""
        return [step for step in self.steps() if step.ref == ref]

    def has_step(self, ref: str, version: int) -> bool:
        """Tell whether a step leaves this version."""
        return (ref, version) in self._steps

    def steps(self) -> list[Step]:
        """Return all steps."""
        with self.lock:
            return sorted(self._steps.values(), key=lambda step: (step.ref, step.version))

    def use(self, steps: Iterable[Step]) -> None:
        """Note that objects travel along *steps*: no more may be added beside them."""
        self._used.update(step.ref for step in steps)


def _check_name(step: Step, declaration: Declaration) -> None:
    if step.ref == declaration.name:
        raise DeclarationError(
            declaration.ref,
            f"{step} was registered before the class was declared under this name",
            "declare the class first, and give it to migration()",
        )


def _check_reach(step: Step, declaration: Declaration) -> None:
    if step.to > declaration.version:
        raise DeclarationError(
            declaration.ref,
            f"{step} leads beyond today's version {declaration.version}",
            f"raise version= to {step.to}, or remove the step",
        )


default_registry = Registry("default")


def checked_registry(registry: object) -> Registry:
    """Return *registry*, or the default one for None."""
    if registry is None:
        return default_registry
    if isinstance(registry, Registry):
        return registry
    raise TypeError(f"registry= takes a versionpickle.Registry, not {registry!r}")
