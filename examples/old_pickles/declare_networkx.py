"""networkx: the state of a graph in releases 1.x, 2.x and today's."""

import networkx as nx

from versionpickle import adopt, migration, retire


def generation(state):
    return 1 if "node" in state else 3 if "__networkx_cache__" in state else 2


adopt(nx.Graph, version=3, unstamped=generation)
retire("networkx.classes.reportviews:NodeView")  # a cached view, made again when asked for


@migration(nx.Graph, 1)
def underscore(state):
    renamed = {
        f"_{name}": state[name] for name in ("node", "adj", "pred", "succ") if name in state
    }
    return {"graph": state["graph"], **renamed}


@migration(nx.Graph, 2)
def drop_factories(state):
    kept = {name: value for name, value in state.items() if not name.endswith("_dict_factory")}
    return {**kept, "__networkx_cache__": {}}
