"""The modules named by ``migrations=``, imported when a step is needed."""

from __future__ import annotations

import importlib
import sys

from collections.abc import Callable

from versionpickle.exceptions import DeclarationError

from ._declaration import Declaration
from ._fields import described


class StepModules:
    """Import modules of steps, once each."""

    def __init__(self, drop_gone: Callable[[], None]) -> None:
        self._drop_gone = drop_gone
        self._imported: set[str] = set()
        self._stale: set[str] = set()
        """Modules whose steps were dropped, and that must run again."""

    def load(self, declaration: Declaration) -> None:
        """Import the module that holds the steps of a class."""
        module = declaration.steps_module
        if module is None or module in self._imported:
            return
        try:
            self._run(module)
        except BaseException as exc:
            self._drop_gone()
            if not isinstance(exc, Exception):
                raise
            raise DeclarationError(
                declaration.ref,
                f"its migrations={module!r} cannot be imported ({described(exc)})",
                "fix that module, or name the one that registers its steps",
            ) from exc
        self._imported.add(module)
        self._stale.discard(module)

    def _run(self, module: str) -> None:
        if module in self._stale and module in sys.modules:
            del sys.modules[module]  # if it fails half-way, its steps are gone with it
        importlib.import_module(module)

    def forget(self, declaration: Declaration) -> None:
        """Run the module of these steps again when one is needed: they have been dropped."""
        module = declaration.steps_module
        is_its_own = module == declaration.ref.partition(":")[0]
        if module in self._imported and not is_its_own:
            self._imported.discard(module)
            self._stale.add(module)
