"""The codec of classes whose objects are created from their state by ``rebuild=``."""

from __future__ import annotations

import copy
import copyreg
import functools

from typing import Any

from versionpickle._classes.codegen.methods import SetState
from versionpickle._classes.conversion import Remaking, conversion_stamp
from versionpickle._classes.stored_state import Arguments, only_rebuilt
from versionpickle._wire import calls
from versionpickle._wire.refs import shortened
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import StampError, UnpicklableError
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import described

from .base import WholeCodec, as_method


class FactoryCodec(WholeCodec):
    """Store what an object reduces to in one call, so that it can be made of all of it."""

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        return self._in_one_call(obj, self.owner.plain.reduce(obj, protocol))

    def reduce_whole(self, obj: Any) -> Any:
        return self._in_one_call(obj, self.owner.plain.reduce(obj, 4))

    def _in_one_call(self, obj: Any, reduced: Any) -> Any:
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, _ = (*reduced, *[None] * 4)[:6]
        if function is copyreg.__newobj__:  # type: ignore[attr-defined] # known to pickle alone
            args = args[1:]
        keywords = {}
        if function is copyreg.__newobj_ex__:  # type: ignore[attr-defined] # as above
            _, args, keywords = args
        # With the object's own dict, pickle would end a cycle before the dict is filled.
        stored = copy.copy(state)
        self._check_made_again(obj, reduced, Arguments(args, keywords), copy.copy(state))
        whole = self._stamp, args, stored, *([keywords] if keywords else [])
        return calls.rebuild, whole, None, items, pairs

    def _check_made_again(self, obj: Any, reduced: Any, args: Any, state: Any) -> None:
        """Refuse to write an object that ``rebuild=`` would not make again."""
        try:
            made = self.declaration.rebuild(args, state)
        except Exception as exc:
            raise self._unreadable(
                f"its rebuild= function fails for it ({described(exc)})"
            ) from exc
        if made is obj:
            return
        if type(made) is not type(obj):
            raise self._unreadable(f"its rebuild= function makes {shortened(made)} of it")
        if not are_alike(self.owner.plain.reduce(made, 4), reduced):
            raise self._unreadable("its rebuild= function makes another object of what it stores")

    def _unreadable(self, problem: str) -> UnpicklableError:
        ref, version = self.declaration.ref, self.declaration.version
        cure = (
            "let the function make today's objects as well, or pass it for old versions alone: "
            f"raise version= to {version + 1} and pass rebuild={{{version}: function}}"
        )
        return UnpicklableError(problem, f"an object of {ref}", cure)

    stores_whole = staticmethod(calls.rebuild)

    def _older_stamp(self, claim: Claim, chain: Chain) -> Stamp:
        return conversion_stamp(Remaking(self.declaration.rebuild, chain, claim))

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        remaking = Remaking(self.declaration.rebuild, chain, claim)

        def make(_: Any, state: Any) -> Any:
            if len(state) not in {3, 4} or type(state[1]) is not tuple:
                raise StampError(claim.ref, "its stamp is followed by no arguments and state")
            return remaking.made(*state[1:])

        return make

    @functools.cached_property
    def setstate(self) -> SetState:
        return as_method(self._refuse)

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        raise only_rebuilt(chain)

    def _refuse(self, obj: Any, state: Any) -> None:
        """Refuse to fill an object: plain pickle tries it with one that has no stamp."""
        if type(obj) is not self.cls:
            self.owner.restore_foreign(obj, state)
            return
        self.restore(obj, state, self.chains.of_unstamped(state, None))


def are_alike(one: Any, other: Any, depth: int = 6) -> bool:
    """
    Return whether *one* reduced object holds all that the *other* does, as far as that is known.

    It may hold more: what its function derives or fills in.
    """
    if one is other or not depth:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is dict:
        pairs = [(one[key], other[key]) for key in one if key in other]
        return len(pairs) == len(other) and all(are_alike(*pair, depth - 1) for pair in pairs)
    if type(one) in {tuple, list}:
        pairs = [*zip(one, other, strict=False)]
        return len(one) == len(other) and all(are_alike(*pair, depth - 1) for pair in pairs)
    return type(one) not in _COMPARED or one == other or one != one  # noqa: PLR0124 - a nan


_COMPARED = frozenset({str, bytes, int, float, complex, bool, set, frozenset, bytearray})
"""The types whose values decide whether two objects differ; others may define any equality."""
