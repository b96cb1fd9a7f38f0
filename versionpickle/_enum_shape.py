"""The shape of enums, whose members are stored by name: a new number makes no other member."""

from __future__ import annotations

import enum
import functools
import operator

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _stream
from ._codegen import SetState
from ._layout import Layout
from ._shape import Shape, as_method
from ._stamp import Claim, Stamp
from .migrations import Chain


if TYPE_CHECKING:
    from ._hooks import Hooks


class EnumShape(Shape):
    """Store the names of members; a step gets and returns ``{"name": ...}``."""

    def __init__(self, hooks: Hooks, layout: Layout) -> None:
        super().__init__(hooks, layout)
        declaration = hooks.declaration
        today = Chain(declaration.ref, declaration.version, declaration.version, ())
        self._stamp = self.new_stamp(None, lambda claim: self.upgrade(claim, today))
        self.reduce = as_method(self._reduce)
        self.setstate = as_method(self._fill_any)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields is None else None

    def _reduce(self, obj: Any, protocol: int) -> Any:
        return _stream._member, (self._stamp, obj.name or "")

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        def member(_: Any, state: Any) -> Any:
            named: Any = chain.run({"name": state[1]}, set())
            try:
                return self._member(named["name"])
            except (KeyError, ValueError) as exc:
                raise chain.failed(f"finding the member {named!r}", exc) from None

        return member

    def _member(self, name: str) -> Any:
        if not issubclass(self.cls, enum.Flag) or name in self.cls.__members__:
            return self.cls[name]  # type: ignore[index] # mypy does not know that it is an enum
        parts = filter(None, name.split("|"))
        flags: Iterator[Any] = (
            self.cls(int(part)) if part.isdigit() else self.cls[part] for part in parts
        )
        return functools.reduce(operator.or_, flags, self.cls(0))
