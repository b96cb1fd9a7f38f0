"""The meaning of each name in pickles."""

from __future__ import annotations

import sys
import types

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from versionpickle._wire.refs import look_up, public, ref_of
from versionpickle.exceptions import DeclarationError

from ._declaration import Declaration
from ._origin import Origin


@public("versionpickle.migrations")
@attrs.frozen
class Retired:
    """A class that no longer exists; its objects load as placeholders."""

    ref: str

    def __repr__(self) -> str:
        return "a retired class"


@public("versionpickle.migrations")
@attrs.frozen
class Converted:
    """A class that no longer exists; a step converts its objects to another class or value."""

    ref: str


@public("versionpickle.migrations")
@attrs.frozen
class Rebuilt:
    """A name in old pickles whose objects a function makes of their arguments and state."""

    ref: str
    rebuild: Callable[[Any, Any], Any]


MAIN = "__main__:"
_HAVE_REFS = (type, types.FunctionType, types.BuiltinFunctionType)


def is_copy(ref: str, other: str) -> bool:
    """Whether the file of a script was also imported as a module, so one class has two refs."""
    module, _, qualname = ref.partition(":")
    module_of_other, _, qualname_of_other = other.partition(":")
    if qualname != qualname_of_other or "__main__" not in {module, module_of_other}:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and file == getattr(sys.modules.get(module_of_other), "__file__", None)


class Names:
    """Know the meaning of each name: a declared class, or what an alias gives it."""

    def __init__(self) -> None:
        self.declared: dict[str, Declaration] = {}
        self.aliases: dict[str, object] = {}
        """What `alias` and `retire` let a ref mean."""

        self.packages: dict[str, str] = {}
        self.allowed: dict[str, object] = {}
        """The objects that loads may use; None for those that are still to be imported."""

        self.exits: set[str] = set()
        """The refs that have a step which leads out of the class."""

        self._origins: dict[str, Origin] = {}

    def declare(self, declaration: Declaration) -> None:
        names = [name for name in declaration.names() if self._may_mean(name, declaration)]
        self.declared.update(dict.fromkeys(names, declaration))

    def _may_mean(self, name: str, declaration: Declaration) -> bool:
        """Whether *name* is free for a class; a script's own classes come before their copies."""
        other = self.declared.get(name)
        if other is None or other.ref == declaration.ref:
            return True
        if is_copy(other.ref, declaration.ref):
            return not other.ref.startswith(MAIN)
        raise DeclarationError(
            declaration.ref,
            f"the name {name!r} already means {other.ref}",
            "give one of the two another name= or formerly=",
        )

    def alias(self, ref: str, meaning: object) -> None:
        """Let *ref* mean a class, a function, a retired class, or another ref."""
        if meaning is None:
            raise DeclarationError(
                ref, "a name cannot mean None", "pass a function that returns it: lambda: None"
            )
        if ref in self.aliases and not self._origins[ref].is_gone:
            self._refuse_second(ref, meaning)
        if isinstance(meaning, str) and ref in self.followed(meaning):
            raise DeclarationError(
                ref,
                f"this alias leads back to itself through {meaning}",
                "remove one of the alias() calls",
            )
        self.aliases[ref] = meaning
        self._origins[ref] = Origin.of_caller()

    def _refuse_second(self, ref: str, meaning: object) -> None:
        if self.aliases[ref] != meaning:
            raise DeclarationError(
                ref,
                f"this name already means {self.aliases[ref]!r}",
                "remove one of the two alias() or retire() calls",
            )

    def drop_gone(self) -> None:
        """Drop the aliases of modules whose import failed."""
        for ref in [ref for ref, origin in self._origins.items() if origin.is_gone]:
            del self.aliases[ref], self._origins[ref]

    def declaration_of(self, ref: str) -> Declaration | None:
        """Return the declaration of the class that is called *ref* today."""
        declaration = self.declared.get(ref)
        return declaration if declaration is not None and declaration.ref == ref else None

    def resolve(self, ref: str) -> object:
        """
        Return what *ref* means.

        That is a Declaration, Retired, Converted, a class, a function, or None.
        """
        target = self.target(ref)
        meaning = self._meaning(target)
        if meaning is None and target in self.exits:
            return Converted(target)
        if isinstance(meaning, type):
            return self.declared.get(ref_of(meaning), meaning)
        return meaning

    def _meaning(self, ref: str) -> object:
        return self.aliases[ref] if ref in self.aliases else self.declared.get(ref)

    def target(self, ref: str) -> str:
        """Return the ref that *ref* leads to, itself where nothing else is known."""
        *_, last = self.followed(ref)
        return last

    def followed(self, ref: str) -> Iterator[str]:
        """Yield *ref*, and the refs that it means one after the other."""
        moved: set[str] = set()
        following: object = ref
        while isinstance(following, str):
            ref = following
            yield ref
            following = self._meaning(ref)
            if following is None and ref not in self.exits:
                following = self._in_new_package(ref, moved) or self._elsewhere(ref)

    def _elsewhere(self, ref: str) -> str | None:
        """Return another ref of what the undeclared *ref* leads to."""
        return self._in_moved_class(ref) or self._reexported(ref)

    def _in_moved_class(self, ref: str) -> str | None:
        """Return what is called *ref* today if a class around it has moved."""
        outer, _, name = ref.rpartition(".")
        if ":" not in outer:
            return None
        meaning = self.resolve(outer)
        if isinstance(meaning, Declaration):
            today = meaning.ref
        else:
            today = ref_of(meaning) if isinstance(meaning, type) else self.target(outer)
        return None if today == outer else f"{today}.{name}"

    def _reexported(self, ref: str) -> str | None:
        """Return the ref of a known object that an imported module also has as *ref*."""
        try:
            found = look_up(ref)
        except LookupError:
            return None
        if not isinstance(found, _HAVE_REFS):
            return None
        today = ref_of(found)
        return today if today != ref and self._is_known_as(today, found) else None

    def reexported(self, ref: str) -> Declaration | None:
        """Return the declaration of the class that *ref* leads to under a name of its own."""
        if ":" not in ref or self._meaning(ref) is not None:
            return None
        return self.declared.get(self._reexported(ref) or "")

    def _is_known_as(self, ref: str, found: object) -> bool:
        declaration = self.declared.get(ref)
        if declaration is not None:
            return declaration.instrumentation.cls is found
        if ref not in self.allowed:
            return False
        allowed = self.allowed[ref]
        try:
            return found is (look_up(ref) if allowed is None else allowed)
        except LookupError:  # somebody allowed it early, or a release has it no more
            return False

    def _in_new_package(self, ref: str, moved: set[str]) -> str | None:
        """Return *ref* below the new name of its package; each package moves but once."""
        module, _, qualname = ref.partition(":")
        package = module
        while package:
            if package in self.packages and package not in moved:
                moved.add(package)
                return f"{self.packages[package]}{module[len(package) :]}:{qualname}"
            package = package.rpartition(".")[0]
        return None
