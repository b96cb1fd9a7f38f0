"""The module that registered something, and whether it still exists."""

from __future__ import annotations

import sys

from typing import Any, Self


class Origin:
    """The module that registered something, and the import that it did so in."""

    def __init__(self, namespace: dict[str, Any], spec: Any) -> None:
        self.namespace = namespace
        self.spec = spec

    @classmethod
    def of_caller(cls) -> Self:
        """Return the nearest module on the stack that is not in this package."""
        frame = sys._getframe(1)
        while frame.f_back is not None and _is_ours(frame.f_globals):
            frame = frame.f_back
        return cls(frame.f_globals, frame.f_globals.get("__spec__"))

    @property
    def is_gone(self) -> bool:
        """Whether the import failed later, or the module was imported or reloaded again."""
        name = self.namespace.get("__name__")
        if self.spec is None and name != "__main__":
            return False  # code that was executed without a module
        module = sys.modules.get(str(name))
        if module is None or vars(module) is not self.namespace:
            return True
        return self.namespace["__spec__"] is not self.spec

    @property
    def may_come_again(self) -> bool:
        """Whether the same code may run again in the same module, as in a notebook."""
        return self.is_gone or (
            self.namespace.get("__name__") == "__main__" and hasattr(sys, "ps1")
        )


def _is_ours(namespace: dict[str, Any]) -> bool:
    name = str(namespace.get("__name__"))
    return name == "versionpickle" or name.startswith("versionpickle.")
