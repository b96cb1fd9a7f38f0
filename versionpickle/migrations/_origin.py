"""Which module registered something, and whether it is still there."""

from __future__ import annotations

import sys

from typing import Any, Self

import attrs


@attrs.frozen(eq=False)
class Origin:
    """The module that registered something."""

    namespace: dict[str, Any]

    @classmethod
    def of_caller(cls) -> Self:
        """Return the nearest module on the stack that is not in this package."""
        frame = sys._getframe(1)
        while frame.f_back is not None and _is_ours(frame.f_globals):
            frame = frame.f_back
        return cls(frame.f_globals)

    @property
    def is_gone(self) -> bool:
        """Whether the import of the module failed later, or it was imported again."""
        if self.namespace.get("__spec__") is None:
            return False  # a script, or code that was executed without a module
        module = sys.modules.get(self.namespace["__name__"])
        return module is None or vars(module) is not self.namespace


def _is_ours(namespace: dict[str, Any]) -> bool:
    name = str(namespace.get("__name__"))
    return name == "versionpickle" or name.startswith("versionpickle.")
