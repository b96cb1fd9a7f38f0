"""networkx: what a graph stored in releases 1.0 to 3.6, and the steps from each state to the next."""

import networkx as nx

from networkx.classes import coreviews, reportviews

from versionpickle import adopt, allow, migration
from versionpickle.migrations import add, move, remove, rename


def generation(state):
    """Tell the generation of a state by what every graph of it has, used or not."""
    if "_adj" not in state:
        return 1 if "name" in state else 2
    if "root_graph" in state:
        return 3
    if "node_dict_factory" in state:
        return 4
    return 6 if "__networkx_cache__" in state else 5


def generation_of_directed(state):
    return 2 if "_succ" in state else 1


adopt(nx.Graph, version=6, unstamped=generation)
adopt(nx.DiGraph, version=2, unstamped=generation_of_directed)  # has two fields of its own

# 1.5: the name became one of the graph's attributes.
migration(nx.Graph, 1, move("name", "graph.name"))

# 2.0: views took the public names.
migration(
    nx.Graph,
    2,
    rename("node", "_node"),
    rename("adj", "_adj"),
    remove("edge"),  # was "adj" once more
    remove("adjlist_dict_factory", missing_ok=True),  # came with 1.10
)
migration(nx.DiGraph, 1, rename("succ", "_succ"), rename("pred", "_pred"))

# 2.2: a graph knows no more whose view it is. It came and went, so that no step adds it.
migration(nx.Graph, 3, remove("root_graph", missing_ok=True))

# 2.8.4: the classes of the dicts are looked up in the graph's class, and no more in the graph.
migration(
    nx.Graph,
    4,
    remove(
        "node_dict_factory",
        "edge_attr_dict_factory",
        "edge_key_dict_factory",  # of multigraphs
        "adjlist_outer_dict_factory",
        "adjlist_inner_dict_factory",
        "node_attr_dict_factory",  # since 2.3, like the next
        "graph_attr_dict_factory",
        missing_ok=True,
    ),
)

# 3.3: other backends may keep what they made of a graph.
migration(nx.Graph, 5, add("__networkx_cache__", factory=dict))

# Since 2.2 a graph also stores the views that were used. They are read, and then left out.
allow(coreviews.AdjacencyView, coreviews.MultiAdjacencyView)
allow(*(getattr(reportviews, name) for name in reportviews.__all__))
