"""Steps between the versions of a state: operations, chains and registries."""

from ._chain import Chain, chain
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
from ._names import Converted, Retired
from ._operations import Operation
from ._register import migration
from ._registry import Registry, default_registry
from ._step import Step


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
