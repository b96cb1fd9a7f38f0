"""Draw the graph of versions as Mermaid or DOT."""

from __future__ import annotations

from collections.abc import Iterator

from .graph import Arrow, Graph, Key, VersionNode


MARKS = {
    "today": "today",
    "hole": "no step from here",
    "unread": "no longer read",
}
"""The text next to the version of a node."""


def node_text(node: VersionNode) -> str:
    return f"{node.label}: {MARKS[node.kind]}" if node.kind in MARKS else node.label


def arrow_text(edge: Arrow) -> str:
    """Return the text on an arrow: what a step does, or the kind of any other arrow."""
    if edge.kind == "step":
        return edge.label
    return f"{edge.kind} ({edge.label})" if edge.label else edge.kind


def mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart, as GitHub shows in Markdown."""
    return "\n".join(["flowchart LR", *_mermaid_lines(graph)]) + "\n"


def _mermaid_lines(graph: Graph) -> Iterator[str]:
    numbers = _numbers(graph)
    for place, row in enumerate(graph.rows):
        yield f'  subgraph c{place}["{_for_mermaid(row.ref)}"]'
        for node in row.nodes:
            style = f":::{node.kind}" if node.kind in MARKS else ""
            yield f'    n{numbers[node.key]}["{_for_mermaid(node_text(node))}"]{style}'
        yield "  end"
    for edge in graph.edges:
        arrow = "-->" if edge.kind == "step" else "-.->"
        ends = numbers[edge.source], numbers[edge.target]
        yield f'  n{ends[0]} {arrow}|"{_for_mermaid(arrow_text(edge))}"| n{ends[1]}'
    yield "  classDef today fill:#d7f0dd,stroke:#1a7f37"
    yield "  classDef hole fill:#ffe1de,stroke:#cf222e"
    yield "  classDef unread fill:#eee,stroke:#888"


def _numbers(graph: Graph) -> dict[Key, int]:
    return {node.key: number for number, node in enumerate(graph.nodes)}


def _for_mermaid(text: str) -> str:
    """Write what has a meaning in Mermaid, or in the Markdown and HTML that it takes, as codes."""
    plain = {" ", ".", ",", ":", "(", ")", "=", "'", "-"}
    return "".join(char if char.isalnum() or char in plain else f"#{ord(char)};" for char in text)


def dot(graph: Graph) -> str:
    """Return a graph in the language of Graphviz."""
    return "\n".join(["digraph versions {", *_dot_lines(graph), "}"]) + "\n"


def _dot_lines(graph: Graph) -> Iterator[str]:
    numbers = _numbers(graph)
    yield '  rankdir=LR; node [shape=box, style="rounded,filled", fillcolor=white];'
    for place, row in enumerate(graph.rows):
        yield f"  subgraph cluster_{place} {{"
        yield f"    label={_for_dot(row.ref)};"
        for node in row.nodes:
            colour = f", fillcolor={_for_dot(_FILLS[node.kind])}" if node.kind in _FILLS else ""
            yield f"    n{numbers[node.key]} [label={_for_dot(node_text(node))}{colour}];"
        yield "  }"
    for edge in graph.edges:
        style = "solid" if edge.kind == "step" else "dashed"
        ends = f"n{numbers[edge.source]} -> n{numbers[edge.target]}"
        yield f"  {ends} [label={_for_dot(arrow_text(edge))}, style={style}];"


_FILLS = {"today": "#d7f0dd", "hole": "#ffe1de", "unread": "#eeeeee"}


def _for_dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
