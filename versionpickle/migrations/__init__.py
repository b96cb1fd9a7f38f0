"""Steps between the versions of a state: operations, chains and registries."""

from ._chain import Chain, Step
from ._constructors import (
    add,
    become,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    replace,
    require,
    split,
)
from ._declaration import Declaration, Formerly, Unstamped
from ._operations import Operation
from ._register import chain, migration
from ._registry import Converted, Registry, Retired, default_registry


__all__ = [
    "Chain",
    "Converted",
    "Declaration",
    "Formerly",
    "Operation",
    "Registry",
    "Retired",
    "Step",
    "Unstamped",
    "add",
    "become",
    "chain",
    "convert",
    "default_registry",
    "merge",
    "migration",
    "move",
    "name_positions",
    "remove",
    "rename",
    "reorder",
    "replace",
    "require",
    "split",
]
