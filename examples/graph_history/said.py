"""What a graph says of itself, asked in words that every networkx since 1.0 understands."""

import copy
import json

import networkx as nx


def said(graph):
    """Return what *graph* says; the same whether it was just made or just loaded."""
    changed = copy.deepcopy(graph)  # as a copy it may break, and what was shared is shared still
    changed.remove_node("Thun")
    changed.add_edge("Bern", "Basel", weight=96)
    answers = {
        "class": type(graph).__name__,
        "is directed": graph.is_directed(),
        "is multigraph": graph.is_multigraph(),
        "name": graph.name,
        "surveyor": graph.surveyor,  # an attribute that its user gave it
        "attributes": {name: value for name, value in graph.graph.items() if name != "name"},
        "nodes": in_order(graph.nodes(data=True)),
        "edges": edges(graph),
        "degrees": in_order((node, graph.degree(node)) for node in graph.nodes()),
        "neighbours": in_order((node, in_order(graph[node])) for node in graph.nodes()),
        "fewest steps": nx.shortest_path(graph, "Bern", "Spiez"),
        "shortest way": nx.dijkstra_path(graph, "Bern", "Spiez"),
        "edges, once changed": changed.number_of_edges(),
        "from Bern, once changed": in_order(changed["Bern"]),
        "to Basel, once changed": in_order(arriving(changed, "Basel")),
        "way to Basel, once changed": nx.dijkstra_path(changed, "Bern", "Basel"),
    }
    return json.loads(json.dumps(answers))


def edges(graph):
    keys = {"keys": True} if graph.is_multigraph() else {}
    found = graph.edges(data=True, **keys)
    if graph.is_directed():
        return in_order(found)
    return in_order(in_order(edge[:2]) + list(edge[2:]) for edge in found)


def arriving(graph, node):
    return graph.predecessors(node) if graph.is_directed() else graph.neighbors(node)


def in_order(values):
    """Sort values of any types: nodes are texts, a number and a tuple."""
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))
