"""What the old releases said of their objects, and what an object says today."""

from __future__ import annotations

import json

from pathlib import Path
from typing import Any


CORPUS = Path(__file__).parents[2] / "tests" / "corpus"
PACKAGES = ("networkx", "packaging", "treelib", "pint", "attrs")


def files(package: str) -> list[Path]:
    return sorted((CORPUS / package).glob("*.pickle"))


def recorded(file: Path) -> Any:
    """Return what the old release said of the object in *file*."""
    package = file.parent.name
    if package == "networkx":
        return json.loads((file.parent / "facts.json").read_text())[file.name]
    if package == "attrs":
        return {"a": 5, "b": 6}
    facts = json.loads((CORPUS / "facts.json").read_text())[package]
    if file.stem.endswith("-version"):
        return facts["str"][1]
    return facts


def told(package: str, found: Any) -> Any:
    """Return what an object says of itself, in the words of the record."""
    return globals()[f"_told_by_{package}"](found)


def _told_by_networkx(graph: Any) -> dict[str, Any]:
    graph.copy().add_edge("a new node", "another")  # a graph that works can grow
    return {
        "cls": f"{type(graph).__module__}:{type(graph).__qualname__}",
        "degree": {str(node): degree for node, degree in graph.degree},
        "nodes": sorted(str(node) for node in graph.nodes),
        "number_of_edges": graph.number_of_edges(),
        "number_of_nodes": graph.number_of_nodes(),
    }


def _told_by_packaging(found: Any) -> Any:
    if not isinstance(found, list):
        return str(found)
    texts = [str(version) for version in found]
    return {"sorted": [str(v) for v in sorted(found)], "str": texts, "versions": texts}


def _told_by_treelib(tree: Any) -> dict[str, Any]:
    return {
        "children_of_r": [node.identifier for node in tree.children("r")],
        "data_x": tree["x"].data,
        "depth": tree.depth(),
        "root": tree.root,
        "tags": {node.identifier: node.tag for node in tree.all_nodes()},
    }


def _told_by_pint(quantities: Any) -> list[str]:
    return [str(quantity.to_base_units() and quantity) for quantity in quantities]


def _told_by_attrs(found: Any) -> dict[str, int]:
    return {"a": found.a, "b": found.b}
