"""What holds for all graphs of classes, versions and steps between them."""

from __future__ import annotations

import functools
import pickle

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

import versionpickle

from versionpickle import Registry, check, migration, versioned
from versionpickle._wire.stamp import Claim, make_stamp
from versionpickle.exceptions import DeclarationError, UpgradeError
from versionpickle.migrations import become, convert


@attrs.frozen
class Arrow:
    """A step; *goals* are where it leads out of its class."""

    ref: str
    version: int
    goals: tuple[tuple[str, int], ...] = ()

    def register(self, registry):
        mark = convert("way", functools.partial(_mark, self))
        out = (become(dict(self.goals), by=_first_goal(self.goals)),) if self.goals else ()
        migration(self.ref, self.version, mark, *out, registry=registry)

    @property
    def after(self):
        return self.goals[0] if self.goals else (self.ref, self.version + 1)


def _mark(edge, way):
    return [*way, (edge.ref, edge.version)]


def _first_goal(goals):
    return lambda state: goals[0][0]


@st.composite
def graphs(draw):
    """Classes of today with their versions, and the edges to them; some classes are gone."""
    today = {f"m:C{n}": draw(st.integers(1, 4)) for n in range(draw(st.integers(1, 3)))}
    edges = [Arrow(ref, v) for ref, version in today.items() for v in range(1, version)]
    nodes = [(ref, v) for ref, version in today.items() for v in range(1, version + 1)]
    for n in range(draw(st.integers(0, 3))):
        ref, last = f"m:Gone{n}", draw(st.integers(1, 3))
        refs = sorted({ref for ref, _ in nodes})
        chosen = draw(st.lists(st.sampled_from(refs), min_size=1, max_size=2, unique=True))
        versions = [draw(st.sampled_from([v for r, v in nodes if r == goal])) for goal in chosen]
        goals = tuple(zip(chosen, versions, strict=True))
        edges += [Arrow(ref, v) for v in range(1, last)]
        edges.append(Arrow(ref, last, goals))
        nodes += [(ref, v) for v in range(1, last + 1)]
    return today, edges, nodes


def declared(today, edges):
    """A registry with these classes, and these steps in this order."""
    registry = Registry("laws")
    for ref, version in today.items():
        module, _, name = ref.partition(":")
        cls = attrs.make_class(name, ["way"])
        cls.__module__ = module
        versioned(version=version, registry=registry)(cls)
    for edge in edges:
        edge.register(registry)
    return registry


class Stored:
    """Is written as an object of a node."""

    def __init__(self, node):
        self.stamp = make_stamp(Stored, Claim(*node, ("way",)), None)

    def __reduce_ex__(self, protocol):
        return self.stamp, (), (self.stamp, [])


def way_from(registry, node):
    """The class where objects of this node arrive, and the way that they took."""
    found = versionpickle.loads(pickle.dumps(Stored(node)), registry=registry)
    return type(found).__name__, found.way


def expected_way(today, edges, node):
    steps = {(edge.ref, edge.version): edge for edge in edges}
    way = []
    while node in steps:
        way.append(node)
        node = steps[node].after
    assert today[node[0]] == node[1]
    return node[0].partition(":")[2], way


@given(graphs(), st.randoms(use_true_random=False))
def test_order(graph, random):
    """Steps may be registered in any order: the same ways lead to the same classes."""
    today, edges, nodes = graph
    shuffled = random.sample(edges, len(edges))

    registry = declared(today, shuffled)

    assert () == check(registry)
    for node in nodes:
        assert expected_way(today, edges, node) == way_from(registry, node)


def choose(graph, data):
    """One edge of a graph that has some, and the others."""
    today, edges, _ = graph
    place = data.draw(st.integers(0, len(edges) - 1))
    return today, edges[place], edges[:place] + edges[place + 1 :]


graphs_with_edges = graphs().filter(lambda graph: graph[1])


@given(graphs_with_edges, st.data())
def test_an_edge_less(graph, data):
    """
    check() names the node that no step leaves any more, and no load passes it.

    Of a class that is gone, nothing tells that there was a first step.
    """
    today, gone, edges = choose(graph, data)
    is_told = gone.ref in today or gone.version > 1

    registry = declared(today, edges)

    problems = {(found.ref, found.version) for found in check(registry)}
    assert ((gone.ref, gone.version) in problems) is is_told
    with pytest.raises((UpgradeError, versionpickle.exceptions.UnknownClassError)) as caught:
        way_from(registry, (gone.ref, gone.version))
    assert gone.ref.partition(":")[2] in str(caught.value)


@given(graphs_with_edges, st.data())
def test_an_edge_more(graph, data):
    """A second step from one node is refused, and both are named."""
    today, edge, _ = choose(graph, data)
    registry = declared(today, graph[1])

    with pytest.raises(
        DeclarationError, match=f"two steps leave version {edge.version}"
    ) as caught:
        edge.register(registry)
    assert edge.ref == caught.value.ref


@given(graphs_with_edges, st.data())
def test_an_edge_reversed(graph, data):
    """It leads nowhere or in a circle, or leaves a hole that check() names."""
    today, edge, edges = choose(graph, data)

    if not edge.goals:
        with pytest.raises(DeclarationError, match="leads to no later version"):
            migration(
                edge.ref,
                edge.version + 1,
                convert("way", list),
                to=edge.version,
                registry=declared(today, edges),
            )
        return
    back = Arrow(*edge.goals[0], ((edge.ref, edge.version),))
    with pytest.raises(DeclarationError) as caught:
        back.register(declared(today, graph[1]))
    assert back.ref == caught.value.ref
