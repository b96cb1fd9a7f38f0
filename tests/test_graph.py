"""`versionpickle graph` draws versions and the ways between them."""

from __future__ import annotations

import re
import textwrap

import pytest

from shops import configure, shop_in

from versionpickle import Registry, Versioned, alias, migration, retire, versioned
from versionpickle._project.drawing import dot, mermaid
from versionpickle._project.graph import Arrow, ClassRow, Graph, VersionNode, graph_of
from versionpickle.migrations import add, become


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as shop:
        yield shop


ALL = """
@versioned(version=4, formerly={"{module}.old:Purchase": 2})
@attrs.define
class Order:
    number: int

migration(Order, 1, rename("total", "amount"))
migration(Order, 2, add("x<y", 'a"b'), to=4)

@versioned
class Card: ...

@versioned(version=2)
class Cash: ...

def kind(state): ...
def cents(state): ...

migration(Cash, 1)(dict)
migration("{module}:Payment", 1, add("a", 1), become({Card: 1, Cash: 2}, by=kind))
migration("{module}:Money", 1, replace(cents))
retire("{module}:Coupon")
"""


def test_text(shop):
    """A tree for each class, what is connected side by side."""
    configure(shop, ALL)

    expected = """\
        {module}.old:Purchase  gone
        └── 2 → {module}:Order 2  rename
        {module}:Order
        ├── 1 → 2  rename('total', 'amount')
        ├── 2 → 4  add('x<y', 'a"b')
        ├── 3  no step from here
        └── 4  today
        {module}:Payment  gone
        ├── 1 → {module}:Card 1  become (add('a', 1), by=kind)
        └── 1 → {module}:Cash 2  become (add('a', 1), by=kind)
        {module}:Card
        └── 1  today
        {module}:Cash
        ├── 1 → 2  dict
        └── 2  today
        {module}:Coupon  gone
        └── any version → placeholder  retire
        {module}:Money  gone
        └── 1 → cents()  replace
        """
    assert textwrap.dedent(expected).replace("{module}", shop.module) == shop.run("graph")


def test_around(shop):
    """With a class, only what is connected with it is drawn."""
    configure(shop, ALL)

    told = shop.run("graph", "Card")

    assert ["Payment", "Card", "Cash"] == re.findall(r"(?m)^\w+:(\w+)", told)


def test_unknown(shop):
    """A class that there is not is an error that names those like it."""
    configure(shop, ALL)

    assert "did you mean Order" in shop.run("graph", "Odrer", status=2)


def test_output(shop):
    """The drawing goes to a file where that is wished, in every format."""
    configure(shop, ALL)

    for form in ("text", "mermaid", "dot"):
        assert shop.run("graph", "--format", form, "--output", f"it.{form}") == ""

        assert (shop.folder / f"it.{form}").read_text() == shop.run("graph", "--format", form)


class TestData:
    """The graph as data."""

    def kinds(self, found):
        return {node.key: node.kind for node in found.nodes}

    def test_former_name_with_steps(self, registry):
        """Steps under a former name lead to where they end, and then to today's."""

        @versioned(version=3, formerly="old:A", registry=registry)
        class A: ...

        migration("old:A", 1, add("a", 1), registry=registry)
        migration(A, 2, add("b", 1))

        ref = registry.instrumentations()[0].declaration.ref
        renames = [edge for edge in graph_of(registry).edges if edge.kind == "rename"]
        assert renames == [Arrow(("old:A", "2"), (ref, "2"), "rename", "")]

    def test_former_name_alone(self, registry):
        """A former name of which nothing else is known stands for any version."""

        @versioned(version=3, formerly="old:B", unstamped=2, registry=registry)
        class B: ...

        @versioned(version=3, formerly="old:C", unstamped=len, oldest=2, registry=registry)
        class C: ...

        arrivals = {e.source: e.target[1] for e in graph_of(registry).edges}
        assert arrivals == {("old:B", "any version"): "2", ("old:C", "any version"): "2"}

    def test_former_name_of_a_generation(self, registry):
        """A name whose unstamped pickles are of a version beside its steps leads on twice."""

        @versioned(version=3, formerly={"old:D": 3}, registry=registry)
        class D: ...

        migration("old:D", 1, add("a", 1), registry=registry)

        sources = [e.source[1] for e in graph_of(registry).edges if e.kind == "rename"]
        assert sources == ["2", "3"]

    def test_meanings(self, registry):
        """So do aliases of classes, and only of these."""

        class E(Versioned, registry=registry): ...

        alias("old:E", E, registry=registry)
        alias("old:make", len, registry=registry)
        retire("old:F", registry=registry)

        found = graph_of(registry)
        assert {(e.source[0], e.kind, e.label) for e in found.edges} == {
            ("old:E", "rename", "alias"),
            ("old:F", "retire", ""),
        }

    def test_marks(self, registry):
        """Holes, today's versions and those no longer read are marked."""

        @versioned(version=5, oldest=3, name="graph.g", registry=registry)
        class G: ...

        migration(G, 2, add("a", 1))
        migration(G, 3, add("b", 1))
        migration("gone:H", 1, become({G: 5}), registry=registry)
        migration("gone:I", 1, add("a", 1), registry=registry)

        kinds = {
            (ref.rpartition(".")[2], label): kind
            for (ref, label), kind in self.kinds(graph_of(registry)).items()
        }
        assert kinds == {
            ("G", "2"): "unread",
            ("G", "3"): "version",
            ("G", "4"): "hole",
            ("G", "5"): "today",
            ("gone:H", "1"): "version",
            ("gone:I", "1"): "version",
            ("gone:I", "2"): "hole",
        }


NASTY = 'a<b>&"c"\\\n\x1b]]>--%%'


def row(ref, name, *nodes):
    return ClassRow(ref, name, tuple(VersionNode(ref, label, kind) for label, kind in nodes))


@pytest.fixture
def nasty():
    """A graph whose labels hold what means something to those who draw it."""
    rows = (
        row("shop:Far", NASTY, ("1", "version"), ("9", "today")),
        row("shop:Not", None, ("1", "unread"), ("2", "hole")),
        row(NASTY, None, ("any version", "any"), (f"{NASTY}()", "value")),
    )
    ways = [
        Arrow(("shop:Far", "1"), ("shop:Far", "9"), "step", NASTY),
        Arrow(("shop:Not", "1"), ("shop:Not", "2"), "step", "rename('a', 'b')"),
        Arrow(("shop:Not", "1"), ("shop:Far", "1"), "become", f"by={NASTY}"),
        Arrow((NASTY, "any version"), ("shop:Far", "9"), "rename", ""),
        Arrow(("shop:Far", "1"), (NASTY, "any version"), "become", ""),
        Arrow((NASTY, "any version"), (NASTY, f"{NASTY}()"), "replace", ""),
    ]
    return Graph(rows, tuple(ways))


def test_mermaid(nasty):
    """In Mermaid, what has a meaning is written as a code."""
    drawn = mermaid(nasty)

    assert "a#60;b#62;#38;#34;c#34;#92;#10;#27;" in drawn
    for line in drawn.splitlines()[1:]:
        assert line.count('"') in {0, 2}


def test_dot(nasty):
    """In DOT, quotes and backslashes are escaped, and line ends are none."""
    for line in dot(nasty).splitlines():
        assert re.sub(r'"([^"\\]|\\.)*"', "", line).count('"') == 0


def test_registries_apart():
    """A graph is of one registry."""
    assert list(graph_of(Registry("empty")).nodes) == []
