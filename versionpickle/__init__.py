"""Old pickles load into today's classes, or say why not and what to do."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from . import exceptions, migrations
from ._adopt import adopt, alias, allow, retire
from ._declare import Versioned, versioned
from ._dumping import Pickler, dump, dumps
from ._files import dump_file, load_file
from ._loading import Unpickler, load, loads
from ._placeholder import Placeholder
from ._stream import (  # noqa: F401 - streams name them
    _keep,
    _make,
    _member,
    _rebuild,
    _revive,
    _set_state,
)
from .migrations import Registry, migration


if TYPE_CHECKING:
    from ._check import Problem, check
    from ._existing import ExistingStore
    from ._inspect import Report, inspect
    from ._limits import Limits
    from ._opening import open, open_existing  # noqa: A004 - it is called as versionpickle.open
    from ._store import Store
    from ._ways import FoundClass

__all__ = [
    "ExistingStore",
    "FoundClass",
    "Limits",
    "Pickler",
    "Placeholder",
    "Problem",
    "Registry",
    "Report",
    "Store",
    "Unpickler",
    "Versioned",
    "adopt",
    "alias",
    "allow",
    "check",
    "dump",
    "dump_file",
    "dumps",
    "exceptions",
    "inspect",
    "load",
    "load_file",
    "loads",
    "migration",
    "migrations",
    "open",
    "open_existing",
    "retire",
    "versioned",
]


_SELDOM = {
    "ExistingStore": "._existing",
    "FoundClass": "._ways",
    "Limits": "._limits",
    "Problem": "._check",
    "Report": "._inspect",
    "Store": "._store",
    "check": "._check",
    "inspect": "._inspect",
    "open": "._opening",
    "open_existing": "._opening",
}
"""What is imported when it is asked for: most programs load and dump, and no more."""


def __getattr__(name: str) -> Any:
    if name in _SELDOM:
        return getattr(_import_module(_SELDOM[name], __name__), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        return version("versionpickle")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
