"""Old pickles load into today's classes, or say why not and what to do."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from versionpickle import exceptions, migrations

from ._classes.adopt import adopt
from ._classes.declare import Versioned, versioned
from ._classes.names import alias, allow, retire
from ._classes.placeholder import Placeholder
from ._classes.placeholder import keep as _keep  # noqa: F401 - streams name it, as those below
from ._classes.reviving import found_by_name as _found_by_name
from ._classes.reviving import revive as _revive  # noqa: F401
from ._pickles.dump.pickler import Pickler, dump, dumps
from ._pickles.files import dump_file, load_file
from ._pickles.load.unpickler import Unpickler, load, loads
from ._wire.calls import make as _make  # noqa: F401
from ._wire.calls import member as _member  # noqa: F401
from ._wire.calls import rebuild as _rebuild  # noqa: F401
from ._wire.calls import set_state as _set_state  # noqa: F401
from ._wire.states import STATES as _STATES
from ._wire.states import state as _state  # noqa: F401
from .migrations import Registry, migration


if TYPE_CHECKING:
    from ._classes.check import Problem, check
    from ._pickles.inspect.report import Report, inspect
    from ._pickles.inspect.upgrade_paths import FoundClass
    from ._pickles.untrusted.limits import Limits
    from .stores._existing import ExistingStore
    from .stores._opening import open, open_existing  # noqa: A004 - it is called as versionpickle.open
    from .stores._store import Store

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
    "ExistingStore": ".stores._existing",
    "FoundClass": "._pickles.inspect.upgrade_paths",
    "Limits": "._pickles.untrusted.limits",
    "Problem": "._classes.check",
    "Report": "._pickles.inspect.report",
    "Store": ".stores._store",
    "check": "._classes.check",
    "inspect": "._pickles.inspect.report",
    "open": ".stores._opening",
    "open_existing": ".stores._opening",
}
"""What is imported when it is asked for: most programs load and dump, and no more."""


def __getattr__(name: str) -> Any:
    if name in _SELDOM:
        return getattr(_import_module(_SELDOM[name], __name__), name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        return version("versionpickle")
    if name in _STATES:
        return _STATES[name]
    if ":" in name:  # of what is pickled by name, and made when the name is read
        return _found_by_name(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
