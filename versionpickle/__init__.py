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
    from ._inspect import FoundClass, Report, inspect
    from ._limits import Limits

__all__ = [
    "FoundClass",
    "Limits",
    "Pickler",
    "Placeholder",
    "Problem",
    "Registry",
    "Report",
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
    "retire",
    "versioned",
]


def __getattr__(name: str) -> Any:
    if name in {"FoundClass", "Report", "inspect"}:
        return getattr(_import_module("._inspect", __name__), name)
    if name in {"Problem", "check"}:
        return getattr(_import_module("._check", __name__), name)
    if name == "Limits":
        return _import_module("._limits", __name__).Limits
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        return version("versionpickle")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
