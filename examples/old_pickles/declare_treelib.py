"""treelib: nodes knew one parent and its children; now they know them for each tree."""

from collections import defaultdict

from treelib import Node, Tree

from versionpickle import adopt, migration
from versionpickle.migrations import add


TREE = "of treelib 1.5"

adopt(Tree, version=2)
migration(Tree, 1, add("_identifier", TREE))

adopt(Node, version=2)


@migration(Node, 1)
def link_by_tree(state):
    parent, children = state.pop("_bpointer"), state.pop("_fpointer")
    links = {"_predecessor": {TREE: parent}, "_successors": defaultdict(list, {TREE: children})}
    return state | links | {"_initial_tree_id": TREE}
