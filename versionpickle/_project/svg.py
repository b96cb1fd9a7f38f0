"""The graph as a picture: a column for each version, a row for each class."""

from __future__ import annotations

import itertools

from collections.abc import Iterator
from typing import TypeAlias
from xml.sax.saxutils import escape

import attrs

from .drawing import MARKS, said_on
from .graph import Edge, Graph, Key, Node, Row


_BOX = 116, 40
_COLUMN = 300
_ROW = 120
_LEFT = 24
_TOP = 62
_BESIDE = 230
"""Room on the right for the edges that go around others."""

_LONGEST = 24
"""How many characters of a label there is room for."""

_STYLE = """
  text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328 }
  .class { font-weight: bold; font-size: 13px }
  .box { fill: #fff; stroke: #57606a }
  .today { fill: #d7f0dd; stroke: #1a7f37 }
  .hole { fill: #ffe1de; stroke: #cf222e; stroke-dasharray: 4 3 }
  .unread { fill: #eee; stroke: #8c959f }
  .mark { font-size: 10px; fill: #57606a }
  .edge { fill: none; stroke: #57606a; stroke-width: 1.5 }
  .other { stroke: #8250df; stroke-dasharray: 5 3 }
  .label { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px }
"""


def svg(graph: Graph) -> str:
    """Return a picture that stands on its own; what does not fit is shown under the pointer."""
    return "\n".join(_Picture.of(graph).lines()) + "\n"


@attrs.frozen
class _Picture:
    graph: Graph
    places: dict[Key, tuple[int, int]]
    """The column and row of each node."""

    @classmethod
    def of(cls, graph: Graph) -> _Picture:
        columns = _columns(graph)
        return cls(
            graph,
            {
                node.key: (columns[node.key], number)
                for number, row in enumerate(graph.rows)
                for node in row.nodes
            },
        )

    def lines(self) -> Iterator[str]:
        width, height = self._size()
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">'
        )
        yield "<title>Versions, and the steps between them</title>"
        yield f"<style>{_STYLE}</style>"
        yield (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#57606a"/></marker>'
            "</defs>"
        )
        yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
        for number, row in enumerate(self.graph.rows):
            yield _text(_heading(row), _LEFT, _TOP + number * _ROW - 26, 'class="class"')
        yield from map(self._edge, self.graph.edges)
        yield from map(self._node, self.graph.nodes)
        yield "</svg>"

    def _size(self) -> tuple[int, int]:
        last = max((column for column, _ in self.places.values()), default=0)
        goes_around = any(
            abs(self.places[edge.source][1] - self.places[edge.target][1]) > 1
            for edge in self.graph.edges
        )
        boxes = _BOX[0] + last * _COLUMN + _BESIDE * goes_around
        headings = max((8 * len(_heading(row)) for row in self.graph.rows), default=0)
        return _LEFT * 2 + max(boxes, headings), _TOP + len(self.graph.rows) * _ROW - 24

    def _corner(self, key: Key) -> tuple[int, int]:
        column, row = self.places[key]
        return _LEFT + column * _COLUMN, _TOP + row * _ROW

    def _node(self, node: Node) -> str:
        x, y = self._corner(node.key)
        middle = x + _BOX[0] // 2
        mark = MARKS.get(node.kind)
        line = 25 if mark is None else 18
        parts = [
            f"<g><title>{_xml(_full(node))}</title>",
            _rectangle(x, y, node.kind),
            _text(_shortened(node.label, 14), middle, y + line, _CENTRED),
        ]
        if mark is not None:
            parts.append(_text(mark, middle, y + 32, f'class="mark" {_CENTRED}'))
        return "".join([*parts, "</g>"])

    def _edge(self, edge: Edge) -> str:
        way = self._way(edge)
        kind = "edge" if edge.kind == "step" else "edge other"
        label = _text(_shortened(said_on(edge)), *way.label, f'class="label" {way.anchor}')
        return (
            f"<g><title>{_xml(_told(edge))}</title>"
            f'<path class="{kind}" d="{way.path}" marker-end="url(#head)"/>{label}</g>'
        )

    def _way(self, edge: Edge) -> _Way:
        (column, row), (to_column, to_row) = self.places[edge.source], self.places[edge.target]
        start, end = self._corner(edge.source), self._corner(edge.target)
        if abs(to_row - row) > 1:
            return _around(start, end)
        if to_row != row:
            return _across(start, end)
        return _beside(start, end) if to_column - column == 1 else _below(start, end)


@attrs.frozen
class _Way:
    """The path of an edge, and where its label stands."""

    path: str
    label: tuple[int, int]
    anchor: str = ""


_Corner: TypeAlias = tuple[int, int]


def _beside(start: _Corner, end: _Corner) -> _Way:
    """Lead to the next box."""
    (x, y), (to_x, _) = start, end
    centre = y + _BOX[1] // 2
    middle = (x + _BOX[0] + to_x) // 2
    return _Way(f"M{x + _BOX[0]} {centre} H{to_x}", (middle, centre - 7), _CENTRED)


def _below(start: _Corner, end: _Corner) -> _Way:
    """Lead to a box that is farther away, below those between."""
    x, to_x, y = start[0] + _BOX[0] - 12, end[0] + 12, start[1] + _BOX[1]
    path = f"M{x} {y} C{x} {y + 32} {to_x} {y + 32} {to_x} {y}"
    return _Way(path, ((x + to_x) // 2, y + 37), _CENTRED)


def _across(start: _Corner, end: _Corner) -> _Way:
    """Lead to the row above or below."""
    half, down = _BOX[0] // 2, end[1] > start[1]
    x, to_x = start[0] + half, end[0] + half
    y, to_y = (start[1] + _BOX[1], end[1]) if down else (start[1], end[1] + _BOX[1])
    middle = (y + to_y) // 2
    path = f"M{x} {y} C{x} {middle} {to_x} {middle} {to_x} {to_y}"
    return _Way(path, ((x + to_x) // 2 + 8, middle + 4))


def _around(start: _Corner, end: _Corner) -> _Way:
    """Lead to a farther row, on the right of the boxes between."""
    x, y = start[0] + _BOX[0], start[1] + _BOX[1] - 8
    to_x, to_y = end[0] + _BOX[0], end[1] + 8
    far = max(x, to_x) + 72
    near_end = to_y - 44 if to_y > y else to_y + 52
    return _Way(f"M{x} {y} C{far} {y} {far} {to_y} {to_x} {to_y}", (far - 28, near_end))


def _columns(graph: Graph) -> dict[Key, int]:
    """Return the column of each node: the same version stands in the same one."""
    numbers = sorted({node.version for node in graph.nodes if node.version is not None})
    first = int(any(node.kind == "any" for node in graph.nodes))
    of_version = {number: place + first for place, number in enumerate(numbers)}
    columns = {
        node.key: of_version.get(node.version or 0, 0)
        for node in graph.nodes
        if node.kind not in {"value", "placeholder"}
    }
    for edge in graph.edges:
        if edge.kind in {"replace", "retire"}:
            before = max(columns.get(edge.target, 0), columns[edge.source] + 1)
            columns[edge.target] = before
    for earlier, later in itertools.pairwise(graph.nodes):  # two values of one class
        if earlier.ref == later.ref and columns[later.key] <= columns[earlier.key]:
            columns[later.key] = columns[earlier.key] + 1
    return columns


def _heading(row: Row) -> str:
    return row.ref if row.name is None else f"{row.ref} ({row.name!r})"


def _full(node: Node) -> str:
    mark = f", {MARKS[node.kind]}" if node.kind in MARKS else ""
    return f"{node.ref} {node.label}{mark}"


def _told(edge: Edge) -> str:
    return f"{' '.join(edge.source)} to {' '.join(edge.target)}: {said_on(edge)}"


_CENTRED = 'text-anchor="middle"'


def _rectangle(x: int, y: int, kind: str) -> str:
    width, height = _BOX
    return f'<rect class="box {kind}" x="{x}" y="{y}" rx="6" width="{width}" height="{height}"/>'


def _text(text: str, x: int, y: int, attributes: str) -> str:
    return f'<text x="{x}" y="{y}" {attributes}>{_xml(text)}</text>'


def _shortened(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _xml(text: str) -> str:
    """Escape what has a meaning in XML, and replace what may stand in none."""
    return escape(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )
