"""
Write small graphs, and what they say of themselves, with the networkx that can be imported.

    python make_pickles.py FOLDER [PICKLE]

The graph in PICKLE, which an older release wrote, is stored once more.
Runs under every CPython since 2.7, with every networkx since 1.0; `remake` runs it under many.
"""
# ruff: noqa: PTH123, UP010, UP032

from __future__ import print_function

import json
import pickle
import platform
import sys

import networkx as nx

from said import said


VIEWS = ["nodes", "edges", "adj", "succ", "pred", "in_edges", "out_edges"]
VIEWS += ["degree", "in_degree", "out_degree"]


def graphs(older=None):
    """Return all graphs by name: some as they were made, and some after their views were used."""
    made = {
        "graph": filled(nx.Graph),
        "digraph": filled(nx.DiGraph),
        "viewed-graph": viewed(filled(nx.Graph)),
        "viewed-digraph": viewed(filled(nx.DiGraph)),
        "viewed-multigraph": viewed(with_buses(filled(nx.MultiGraph))),
        "viewed-multidigraph": viewed(with_buses(filled(nx.MultiDiGraph))),
    }
    if older is not None:
        made["saved-again"] = viewed(pickle.loads(older))
    return made


def filled(kind):
    zurich = b"Z\xc3\xbcrich".decode("utf-8")
    graph = kind(name="roads", surveyed=1998, sheets=["1:50000", 243])
    graph.surveyor = "Dufour"
    graph.add_node("Bern", people=134)
    graph.add_node(zurich, people=443)
    graph.add_edge("Bern", zurich, weight=125)
    graph.add_edge("Bern", "Thun", weight=31)
    graph.add_edge("Thun", "Spiez", weight=11, tolls={"lorry": 2.5})
    graph.add_edge("Bern", "Spiez", weight=45)
    graph.add_edge("Thun", 7)
    graph.add_edge(7, ("Thun", "quay"), weight=1)
    return graph


def with_buses(graph):
    graph.add_edge("Bern", "Thun", weight=33, by="bus")
    graph.add_edge("Spiez", "Bern", key="night bus", weight=50)
    return graph


def viewed(graph):
    """Touch all that a release may keep for the next time."""
    for name in VIEWS:
        getattr(graph, name, None)
    return graph


def main(folder, older=None):
    prefix = "{}/nx{}-".format(folder, nx.__version__)
    said_by = {}
    for name, graph in graphs(older and read(older)).items():
        write(prefix + name + ".pickle", pickle.dumps(graph, pickle.HIGHEST_PROTOCOL))
        said_by[name] = said(graph)
    facts = {"python": platform.python_version(), "said": said_by}
    write(prefix + "facts.json", json.dumps(facts, sort_keys=True).encode("ascii") + b"\n")
    print("networkx", nx.__version__, "on CPython", platform.python_version())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
