"""Steps between the versions of a state: operations, chains and registries."""

from ._chain import Chain, Step
from ._declaration import Declaration, Formerly, Unstamped
from ._operations import Operation
from ._register import migration
from ._registry import Registry, Retired, default_registry
from ._vocabulary import (
    add,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    require,
    split,
)


__all__ = [
    "Chain",
    "Declaration",
    "Formerly",
    "Operation",
    "Registry",
    "Retired",
    "Step",
    "Unstamped",
    "add",
    "convert",
    "default_registry",
    "merge",
    "migration",
    "move",
    "name_positions",
    "remove",
    "rename",
    "reorder",
    "require",
    "split",
]
