"""Steps between the versions of a state: operations, chains and registries."""

from ._chain import Chain, chain
from ._constructors import (
    add,
    add_missing,
    become,
    convert,
    merge,
    move,
    name_arguments,
    name_items,
    name_positions,
    remove,
    rename,
    reorder,
    replace,
    require,
    split,
)
from ._declaration import Declaration, Formerly, Unstamped
from ._generations import Condition, has, lacks
from ._names import Converted, Retired
from ._operations import Operation
from ._register import migration
from ._registry import Registry, default_registry
from ._step import Step


__all__ = [
    "Chain",
    "Condition",
    "Converted",
    "Declaration",
    "Formerly",
    "Operation",
    "Registry",
    "Retired",
    "Step",
    "Unstamped",
    "add",
    "add_missing",
    "become",
    "chain",
    "convert",
    "default_registry",
    "has",
    "lacks",
    "merge",
    "migration",
    "move",
    "name_arguments",
    "name_items",
    "name_positions",
    "remove",
    "rename",
    "reorder",
    "replace",
    "require",
    "split",
]
