"""Tools to test migrations: samples of old versions, and strategies for their states."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from versionpickle._project.samples import sample


if TYPE_CHECKING:
    from ._laws import check_upgrades
    from ._strategies import objects, states, upgrades

__all__ = ["check_upgrades", "objects", "sample", "states", "upgrades"]

_NEEDS_HYPOTHESIS = {
    "check_upgrades": "._laws",
    "objects": "._strategies",
    "states": "._strategies",
    "upgrades": "._strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_HYPOTHESIS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        _import_module("hypothesis")
    except ImportError as exc:
        raise ImportError(
            f"{__name__}.{name} needs Hypothesis: pip install 'versionpickle[testing]'"
        ) from exc
    return getattr(_import_module(_NEEDS_HYPOTHESIS[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
