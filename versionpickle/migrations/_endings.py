"""Operations that end a chain by converting the object: `become` and `replace`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from versionpickle._wire.refs import ref_of

from ._fields import FieldNames, OperationError, StateOps
from ._operations import Operation, name_of


@attrs.frozen(eq=False)
class Ending:
    """The last operation of its step; as an operation, it leaves the fields alone."""

    def run(self, fields: StateOps) -> None:
        pass

    def inverse(self) -> Operation:
        raise OperationError(f"{self!r} cannot be undone, because it changes the class")

    def before(self, names: FieldNames) -> None:
        raise NotImplementedError("after an ending, the fields are those of another class")


@attrs.frozen(eq=False)
class Become(Ending):
    """Convert a state to one of several classes."""

    into: Mapping[str, int]
    """At which version the state arrives, by ref."""

    by: Callable[[Any], type | str] | None = None
    is_value = False

    def ask(self, state: Any) -> tuple[str, int]:
        """Return the ref and version that *state* is converted to."""
        if self.by is None:
            return next(iter(self.into.items()))
        chosen = self.by(state)
        ref = ref_of(chosen) if isinstance(chosen, type) else chosen
        if ref not in self.into:
            refs = ", ".join(self.into)
            raise OperationError(
                f"{name_of(self.by)} returned {chosen!r}, which is not one of {refs}"
            )
        return ref, self.into[ref]

    def __repr__(self) -> str:
        by = "" if self.by is None else f", by={name_of(self.by)}"
        return f"become({dict(self.into)!r}{by})"


@attrs.frozen(eq=False)
class Replace(Ending):
    """Convert a state to the value that replaces the object."""

    make: Callable[[Any], Any]
    is_value = True

    def ask(self, state: Any) -> Any:
        return self.make(state)

    def __repr__(self) -> str:
        return f"replace({name_of(self.make)})"
