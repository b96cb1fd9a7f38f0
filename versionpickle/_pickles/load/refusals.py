"""List all names in a pickle that a load refuses, not only the first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from versionpickle._classes.named_sets import cures_of
from versionpickle._pickles.build.finder import Finder, Refused
from versionpickle._pickles.machine.tree import TreeNode, TreeReader
from versionpickle._wire.refs import look_up
from versionpickle.exceptions import ForbiddenError


def forbidden(refs: Iterable[str]) -> ForbiddenError:
    """Return the error that names these, and what lets them in."""
    error = ForbiddenError(tuple(sorted({*refs})))
    error.cures = cures_of(error.refs)
    return error


class Lister(TreeReader):
    """List the names in a pickle that a finder refuses."""

    def __init__(self, data: bytes, finder: Finder) -> None:
        super().__init__(data, encoding="bytes")
        self._finder = finder
        self.refused: list[str] = []

    def find(self, module: str, name: str) -> Any:
        try:
            self._finder.find(module, name)
        except Refused as refused:
            self.refused.append(str(refused))
        return super().find(module, name)

    def call(self, function: Any, args: Any) -> Any:
        if type(function) is TreeNode and function.ref in _GETATTR and _are_of_getattr(args):
            ref = self._look_at(*args)
            if type(args[0]) is TreeNode and args[0].is_name:
                return self._about(TreeNode(ref))
        return super().call(function, args)

    def _look_at(self, owner: Any, name: str) -> str:
        """Return the ref of an attribute, and note it if it is refused."""
        of_class = self._class_of(owner)
        refused = self._finder.refused_attribute(f"{of_class}.{name}")
        if refused is not None and not is_no_class(of_class):
            self.refused.append(refused)
        return f"{of_class}.{name}"

    def _class_of(self, owner: Any) -> str:
        if type(owner) is not TreeNode:
            return f"builtins:{type(owner).__name__}"
        declaration = self._finder.registry.named(owner.made_of)
        return owner.made_of if declaration is None else declaration.ref


_GETATTR = {"builtins:getattr", "__builtin__:getattr"}


def _are_of_getattr(args: Any) -> bool:
    return (
        type(args) is tuple
        and len(args) == 2
        and type(args[1]) is str
        and (type(args[0]) is not TreeNode or ":" in args[0].made_of)
    )


def is_no_class(ref: str) -> bool:
    """Return whether there is such a name, and it means no class."""
    try:
        return not isinstance(look_up(ref), type)
    except LookupError:
        return False
