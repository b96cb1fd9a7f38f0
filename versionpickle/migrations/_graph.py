"""The graph of steps: nodes are (ref, version), edges are steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from versionpickle.exceptions import (
    DeclarationError,
    FutureVersionError,
    MissingStepError,
    PastVersionError,
)

from ._declaration import Declaration
from ._endings import Become
from ._origin import Origin
from ._step import Step


class StepGraph:
    """Know which step leaves each version, and the paths that they form."""

    def __init__(self, declared: Mapping[str, Declaration]) -> None:
        self._declared = declared
        self.steps: dict[tuple[str, int], Step] = {}
        self._origins: dict[tuple[str, int], Origin] = {}
        self._used: set[str] = set()
        """The refs whose steps some object has taken."""

    def add(self, step: Step) -> None:
        self._check(step)
        node = step.ref, step.version
        self.steps[node] = step
        self._origins[node] = Origin.of_caller()

    def replace(self, old: Step, new: Step) -> None:
        node = old.ref, old.version
        if self.steps.get(node) is old:
            self._drop([node])
        self.add(new)

    def add_down(self, ref: str, version: int, back: Callable[[Any], Any]) -> None:
        """Let *back* undo the step that leaves *version*."""
        step = self.steps[ref, version]
        if step.back is not None:
            raise DeclarationError(ref, f"two functions undo {step}", "remove one of them")
        self._check_unused(step)
        self.steps[ref, version] = attrs.evolve(step, back=back)

    def drop(self, ref: str) -> None:
        """Drop the steps of one class."""
        self._drop([node for node in self.steps if node[0] == ref])
        self._used.discard(ref)

    def drop_gone(self) -> None:
        """Drop the steps of modules whose import failed."""
        self._drop([node for node, origin in self._origins.items() if origin.is_gone])

    def _drop(self, nodes: Iterable[tuple[str, int]]) -> None:
        for node in nodes:
            del self.steps[node], self._origins[node]

    def use(self, steps: Iterable[Step]) -> None:
        """Note that objects take *steps*: from now on their classes get no others."""
        self._used.update(step.ref for step in steps)

    def exits(self) -> set[str]:
        """Return the refs of classes that a step leads out of."""
        return {step.ref for step in self.steps.values() if step.ending is not None}

    def sorted(self) -> list[Step]:
        return sorted(self.steps.values(), key=lambda step: (step.ref, step.version))

    def path(self, ref: str, version: int, goal: Declaration) -> tuple[Step, ...]:
        """
        Return the steps that lead from *version* of *ref* to *goal*, or out of that class.

        A hole is found here, before the first of them runs.
        """
        steps: list[Step] = []
        reached = version
        while ref != goal.ref or reached < goal.version:
            if ref == goal.ref and reached < goal.oldest:
                raise PastVersionError(goal.ref, version, goal.version, goal.oldest)
            step = self.steps.get((ref, reached))
            if step is not None:
                steps.append(step)
                if step.ending is not None:
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
        """Return the steps that lead out of a class that no longer exists."""
        steps: list[Step] = []
        reached = version
        while not steps or steps[-1].ending is None:
            step = self.steps.get((ref, reached))
            if step is None:
                raise MissingStepError(ref, version, version, reached)
            steps.append(step)
            reached = step.to
        return tuple(steps)

    def check_declared(self, declaration: Declaration) -> None:
        """Refuse a declaration that does not fit the steps that were registered before it."""
        for step in self.steps.values():
            if step.ref == declaration.name:
                raise DeclarationError(
                    declaration.ref,
                    f"{step} was registered before the class was declared under this name",
                    "declare the class first, and pass it to migration()",
                )
            if step.ref == declaration.ref:
                _check_reach(step, declaration)

    def _check(self, step: Step) -> None:
        if step.to <= step.version:
            raise DeclarationError(
                step.ref,
                f"a step from version {step.version} to {step.to} leads to no later version",
                f"pass a version above {step.version} as to=, or leave it out",
            )
        self._check_duplicate(step)
        declaration = self._declared.get(step.ref)
        if declaration is not None:
            _check_reach(step, declaration)
        self._check_unused(step)
        self._check_ends(step)

    def _check_duplicate(self, step: Step) -> None:
        node = step.ref, step.version
        other = self.steps.get(node)
        if other is None or self._origins[node].is_gone:
            return
        raise DeclarationError(
            step.ref,
            f"two steps leave version {step.version}: {other} and {step}",
            "remove one of them; after a reload or in a notebook, first run the declaration of "
            "the class again, which drops its old steps",
        )

    def _check_unused(self, step: Step) -> None:
        if step.ref in self._used:
            raise DeclarationError(
                step.ref,
                f"{step} comes too late: objects of this class have already been upgraded",
                "register steps where the class is defined, before the first load; after a "
                "reload or in a notebook, first run the declaration of the class again",
            )

    def _check_ends(self, step: Step) -> None:
        """Refuse a step from which the path leads back to it."""
        todo, seen = self._nodes_after(step), set[tuple[str, int]]()
        while todo:
            node = todo.pop()
            if node == (step.ref, step.version):
                raise DeclarationError(
                    step.ref,
                    f"{step} leads in a circle, back to version {step.version}",
                    "let one of the steps in the circle lead to a later version",
                )
            if node not in seen:
                todo += self._nodes_from(*node)
            seen.add(node)

    def _nodes_from(self, ref: str, version: int) -> list[tuple[str, int]]:
        step = self.steps.get((ref, version))
        if step is not None:
            return self._nodes_after(step)
        declared = self._declared.get(ref)
        return [(declared.ref, version)] if declared is not None and declared.ref != ref else []

    def _nodes_after(self, step: Step) -> list[tuple[str, int]]:
        if step.ending is None:
            return [(step.ref, step.to)]
        return [*step.ending.into.items()] if isinstance(step.ending, Become) else []


def _check_reach(step: Step, declaration: Declaration) -> None:
    if step.to > declaration.version:
        raise DeclarationError(
            declaration.ref,
            f"{step} leads beyond the current version {declaration.version}",
            f"raise version= to {step.to}, or remove the step",
        )
