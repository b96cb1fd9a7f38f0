"""What was stored of one class without a stamp, before the class was versioned."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING, Any

from versionpickle._wire.stamp import MADE_FROM_ARGUMENTS, Claim
from versionpickle.exceptions import StepError
from versionpickle.migrations import Chain, Declaration, Registry
from versionpickle.migrations._fields import OperationError, as_dict

from .stored_state import rebuilt


if TYPE_CHECKING:
    from .codecs.base import Codec
    from .codegen.methods import SetState
    from .conversion import Conversion


_FILLS_MAX = 64
"""How many sets of names get a function of their own."""


class Unstamped:
    """Make and fill the objects that have no stamp; *found_as* is a former name of the class."""

    def __init__(self, codec: Codec, declaration: Declaration, registry: Registry) -> None:
        self.codec = codec
        self._cls: Any = codec.cls
        self.declaration = declaration
        self._registry = registry
        self._fills: dict[tuple[Any, ...], SetState | None] = {}

    def chain(self, state: Any, found_as: str | None = None) -> Chain:
        return self.codec.chains.of_unstamped(state, found_as)

    def restore(self, obj: Any, state: Any, found_as: str | None = None) -> None:
        """Fill *obj* from a state."""
        chain = self.chain(state, found_as)
        if chain.edge is not None:
            self._converting(chain).fill(obj, state)
            return
        fill = self._fill_of(state, chain)
        if fill is None:
            self.codec.restore(obj, state, chain)
        else:
            fill(obj, as_dict(state))

    def _fill_of(self, state: Any, chain: Chain) -> SetState | None:
        """Return what was generated for such states, once for each chain and its names."""
        named = as_dict(state)
        if type(named) is not dict:
            return None
        key = (id(chain), *named)  # the codec keeps its chains
        if key not in self._fills:
            if len(self._fills) >= _FILLS_MAX:
                return None
            is_common = self._is_common(chain)
            self._fills[key] = self.codec.fill_of_dict((*named,), chain, is_common=is_common)
        return self._fills[key]

    def forget(self) -> None:
        """Drop what was generated: a base has been declared since, and may have steps."""
        self._fills.clear()
        self.codec.forget_dicts()

    def _is_common(self, chain: Chain) -> bool:
        """Return whether all states that are found under the name of the class take *chain*."""
        chains = self.codec.chains
        return chains.has_fixed_start() and chain is chains.of_unstamped(None, None)

    def conversion(self, state: Any, found_as: str | None = None) -> Conversion | None:
        """Return what turns an object that was stored with *state* into another, if anything."""
        if not self._registry.is_left(self.declaration):
            return None
        chain = self.chain(state, found_as)
        return None if chain.edge is None else self._converting(chain)

    def _converting(self, chain: Chain) -> Conversion:
        from .conversion import Conversion  # noqa: PLC0415 - few classes need it

        return Conversion(self._registry, chain, Claim(chain.ref, chain.version, None))

    @property
    def made_from_state(self) -> bool:
        """Whether nothing but `make` can make the objects."""
        return self.declaration.has_factory or self._registry.is_left(self.declaration)

    def make(self, args: Any, state: Any, found_as: str | None = None) -> Any:
        """Make an object from all that was stored of it."""
        if self.declaration.has_factory:
            return self._rebuild(args, state, found_as)
        conversion = self.conversion(state, found_as)
        if conversion is not None:
            conversion.refuse_arguments(args)
            return conversion.fill(None, state)
        obj = self._cls.__new__(self._cls, *args)
        self.restore(obj, state, found_as)
        return obj

    def _rebuild(self, args: Any, state: Any, found_as: str | None) -> Any:
        if issubclass(self._cls, enum.Enum):  # steps are for names, and these are values
            return rebuilt(self.declaration, args, state, self.codec.chains.today())
        chain = self.chain(state, found_as)
        state = chain.run(state, set()) if chain.steps else state
        return rebuilt(self.declaration, args, state, chain)

    @property
    def immutable(self) -> bool:
        """Whether an object is made from its values, and cannot be filled later."""
        return self.codec.immutable

    @property
    def is_remade(self) -> bool:
        """Whether nothing but `remake` can make the objects."""
        return self.immutable and self.declaration.unstamped != self.declaration.version

    def remake(self, values: Any, found_as: str | None = None) -> Any:
        """Make an object from its values."""
        return self.codec.remake(values, self.chain(values, found_as))

    def check_arguments(self) -> None:
        """Refuse arguments for an object of a class that takes none."""
        if not self.codec.is_made_from_arguments:
            raise self.chain(None).failed("making the object", OperationError(MADE_FROM_ARGUMENTS))

    def have_blanks(self, objects: list[Any]) -> bool:
        """Return whether nothing has filled one of these objects yet."""
        return self.codec.have_blanks(objects)


def check_members(cls: type, declaration: Declaration) -> None:
    """Refuse the unstamped members of an enum that has changed: their values mean nothing now."""
    if declaration.has_factory or not issubclass(cls, enum.Enum):
        return
    if declaration.unstamped != declaration.version:
        raise StepError(
            declaration.ref,
            1,
            declaration.version,
            "finding an unstamped member",
            "it was stored by its value; say what the old values mean with "
            f"alias({declaration.ref!r}, {{old: member, ...}}.__getitem__)",
        )
