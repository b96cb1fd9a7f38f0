"""The graph of all versions that stored data may have, and the paths from each to today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import attrs

from versionpickle.migrations import Declaration, Registry, Retired, Step
from versionpickle.migrations._endings import Become, Replace
from versionpickle.migrations._operations import name_of

from .find import is_own
from .history import import_steps, what_of
from .project import Project


Key: TypeAlias = tuple[str, str]

ANY = "any version"


@attrs.frozen
class VersionNode:
    """
    One version of one class, or what becomes of its objects.

    *kind* is one of *version*, *today*, *hole* (no way leads on from here), *unread* (older
    than ``oldest=``), *any* (a former name, under whatever version), *value* and
    *placeholder*.
    """

    ref: str
    label: str
    """The version, or what is there instead."""

    kind: str = "version"

    @property
    def key(self) -> Key:
        return self.ref, self.label

    @property
    def version(self) -> int | None:
        return int(self.label) if self.label.isdecimal() else None


@attrs.frozen
class Arrow:
    """A way from one node to another: a *step*, *rename*, *become*, *replace* or *retire*."""

    source: Key
    target: Key
    kind: str
    label: str


@attrs.frozen
class ClassRow:
    """The nodes of one class, the oldest version first."""

    ref: str
    name: str | None
    nodes: tuple[VersionNode, ...]

    @property
    def is_gone(self) -> bool:
        return all(node.kind != "today" for node in self.nodes)


@attrs.frozen
class Graph:
    rows: tuple[ClassRow, ...]
    """The classes, connected ones together."""

    edges: tuple[Arrow, ...]

    @property
    def nodes(self) -> Iterator[VersionNode]:
        for row in self.rows:
            yield from row.nodes

    def leaving(self, node: VersionNode) -> list[Arrow]:
        return [edge for edge in self.edges if edge.source == node.key]

    def around(self, refs: Iterable[str]) -> Graph:
        """Return the part that is connected with these classes."""
        kept = _connected(self.edges, {*refs})
        return Graph(
            tuple(row for row in self.rows if row.ref in kept),
            tuple(edge for edge in self.edges if edge.source[0] in kept),
        )


def _connected(edges: tuple[Arrow, ...], refs: set[str]) -> set[str]:
    neighbours: dict[str, set[str]] = {}
    for edge in edges:
        source, target = edge.source[0], edge.target[0]
        neighbours.setdefault(source, set()).add(target)
        neighbours.setdefault(target, set()).add(source)
    coming, seen = [*refs], {*refs}
    while coming:
        fresh = neighbours.get(coming.pop(), set()) - seen
        seen |= fresh
        coming += fresh
    return seen


def graph(project: Project) -> Graph:
    """Return all that has to do with the classes of a project."""
    for instrumentation in project.classes.values():
        import_steps(project.registry, instrumentation.declaration)
    whole = graph_of(project.registry)
    own = {instrumentation.declaration.ref for instrumentation in project.classes.values()}
    own |= {schema.ref for schema in project.schemas.values()}
    own |= {row.ref for row in whole.rows if is_own(project, row.ref)}
    return whole.around(own)


def graph_of(registry: Registry) -> Graph:
    """Return all that a registry knows."""
    builder = _GraphBuilder(registry)
    for instrumentation in registry.instrumentations():
        builder.add_class(instrumentation.declaration)
    for step in registry.steps():
        builder.add_step(step)
    for instrumentation in registry.instrumentations():
        builder.add_former(instrumentation.declaration)
    builder.add_meanings()
    builder.add_dead_ends()
    return Graph(builder.rows(), tuple(builder.edges))


class _GraphBuilder:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.nodes: dict[Key, VersionNode] = {}
        self.edges: list[Arrow] = []

    def add_class(self, declaration: Declaration) -> None:
        ref = declaration.ref
        for version in range(1, declaration.version):
            has_step = self._registry.has_step(ref, version)
            if version >= declaration.oldest:
                self._node(ref, version, "version" if has_step else "hole")
            elif has_step:
                self._node(ref, version, "unread")
        self._node(ref, declaration.version, "today")

    def _node(self, ref: str, label: int | str, kind: str = "version") -> Key:
        node = VersionNode(ref, str(label), kind)
        return self.nodes.setdefault(node.key, node).key

    def _edge(self, source: Key, target: Key, kind: str, label: str = "") -> None:
        self.edges.append(Arrow(source, target, kind, label))

    def add_step(self, step: Step) -> None:
        source = self._node(step.ref, step.version)
        ending = step.ending
        if ending is None:
            self._edge(source, self._node(step.ref, step.to), "step", what_of(step))
        elif isinstance(ending, Replace):
            value = self._node(step.ref, f"{name_of(ending.make)}()", "value")
            self._edge(source, value, "replace", _listed(step.operations[:-1]))
        else:
            self._add_becoming(source, step, ending)

    def _add_becoming(self, source: Key, step: Step, ending: Become) -> None:
        by = () if ending.by is None else (f"by={name_of(ending.by)}",)
        for ref, version in ending.into.items():
            target = self._node(ref, version)
            self._edge(source, target, "become", _listed(step.operations[:-1], *by))

    def add_former(self, declaration: Declaration) -> None:
        for old, number in declaration.formerly.items():
            steps = self._registry.steps_of(old)
            if steps:
                last = steps[-1].to
                self._edge(self._node(old, last), self._node(declaration.ref, last), "rename")
            if number is not None and not self._registry.has_step(old, number):
                source, target = self._node(old, number), self._node(declaration.ref, number)
                self._edge(source, target, "rename")
            elif not steps:
                self._add_any(old, declaration, "")

    def _add_any(self, old: str, declaration: Declaration, label: str) -> None:
        first = declaration.unstamped
        arrives = first if isinstance(first, int) else declaration.oldest
        source, target = self._node(old, ANY, "any"), self._node(declaration.ref, arrives)
        self._edge(source, target, "rename", label)

    def add_meanings(self) -> None:
        """Add aliases and retired names."""
        for old, meaning in self._registry.aliases().items():
            declaration = self._registry.declaration(old)
            if isinstance(meaning, Retired):
                placeholder = self._node(old, "placeholder", "placeholder")
                self._edge(self._node(old, ANY, "any"), placeholder, "retire")
            elif declaration is not None:
                self._add_any(old, declaration, "alias")

    def add_dead_ends(self) -> None:
        """Mark the versions from which nothing leads on."""
        left = {edge.source for edge in self.edges}
        for key, node in self.nodes.items():
            if node.kind == "version" and key not in left:
                self.nodes[key] = attrs.evolve(node, kind="hole")

    def rows(self) -> tuple[ClassRow, ...]:
        by_ref: dict[str, list[VersionNode]] = {}
        for node in self.nodes.values():
            by_ref.setdefault(node.ref, []).append(node)
        rows = [self._row(ref, nodes) for ref, nodes in by_ref.items()]
        place = _places({row.ref for row in rows}, self.edges)
        return tuple(sorted(rows, key=lambda row: (place[row.ref], not row.is_gone, row.ref)))

    def _row(self, ref: str, nodes: list[VersionNode]) -> ClassRow:
        declaration = self._registry.declared(ref)
        ordered = sorted(nodes, key=lambda node: (_ORDER.get(node.kind, 1), node.version or 0))
        return ClassRow(ref, None if declaration is None else declaration.name, tuple(ordered))


def _listed(operations: Iterable[object], *more: str) -> str:
    return ", ".join([*map(repr, operations), *more])


_ORDER = {"any": 0, "value": 2, "placeholder": 2}


def _places(refs: set[str], edges: list[Arrow]) -> dict[str, str]:
    """Return the first of all classes that each is connected with."""
    places: dict[str, str] = {}
    for ref in sorted(refs):
        if ref not in places:
            places |= dict.fromkeys(_connected(tuple(edges), {ref}), ref)
    return places
