"""The codec of classes that define their own way to reduce or restore their objects."""

from __future__ import annotations

import copyreg

from typing import Any

from versionpickle._classes.codegen.methods import SetState
from versionpickle._classes.stored_state import check_length, unpacked, with_items, without_items
from versionpickle._wire import calls
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Chain

from .base import WholeCodec


_OF_PICKLE = (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]


class CustomCodec(WholeCodec):
    """Keep what a class reduces to by itself, and stamp its state."""

    def _fill_today(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state = without_items(obj, claim, state, self.chains.today())
            check_length(claim, state)
            self._set(obj, *state[1:])

        return fill

    def _reduce(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        reduced = self.owner.plain.reduce(obj, protocol)
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, setter = (*reduced, *[None] * 4)[:6]
        if self._makes_another(function, args):
            return reduced
        make, made_of = self.call(self._stamp, function, args)
        by_class = isinstance(function, type) or function in _OF_PICKLE
        if state is None and not by_class:
            # What a function makes may be of another class, and take no state of ours.
            return make, (*made_of, False), None, items, pairs
        if setter is None and self._needs_items_last(obj, state):
            return make, made_of, with_items((self._stamp, state), items, pairs)
        stamped = (self._stamp, state) if setter is None else (self._stamp, state, setter)
        return make, made_of, stamped, items, pairs

    def _needs_items_last(self, obj: Any, state: Any) -> bool:
        """
        Return whether items would meet methods of the class before it has its attributes.

        Where its state leaves attributes out, those methods may have to make them again.
        """
        if not self.layout.items_in_state or self.layout.restores_itself:
            return False
        return isinstance(state, dict) and getattr(obj, "__dict__", {}).keys() <= state.keys()

    def _makes_another(self, function: Any, args: Any) -> bool:
        """Return whether the object is stored as one of another class: not ours to stamp."""
        cls = args[0] if function in _OF_PICKLE and args else function
        return isinstance(cls, type) and not issubclass(self.cls, cls)

    def reduce_whole(self, obj: Any) -> Any:
        """Reduce an object of a class that cannot be instrumented: all goes into one call."""
        reduced = self.owner.plain.reduce(obj, 4)
        if isinstance(reduced, str):
            return reduced
        function, args, state, items, pairs, _ = (*reduced, *[None] * 4)[:6]
        make, made_of = self.call(self._stamp, function, args)
        if make is self._stamp:
            make, made_of = calls.make, (self._stamp, self._stamp, made_of, {})
        if state is not None:
            made_of = (*made_of, state)
        return make, made_of, None, items, pairs

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state, stored = self.parts_of(obj, claim, state, chain)
            if claim.fields is None:
                check_length(claim, state)
                old, *setter = state[1:]
            else:
                values, _, extras = unpacked(claim, state)
                old, setter = {**values, **extras}, []
            self._finish(obj, chain, stored.added_to(old), *setter)

        return fill

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        self._finish(obj, chain, state)

    def _finish(self, obj: Any, chain: Chain, state: Any, setter: Any = None) -> None:
        if not chain.steps:
            chain.check_parts(state)
        else:
            upgraded = chain.run(state, set())
            state = None if state is None and not upgraded else upgraded
        self._set_older(obj, chain, state, setter)

    def _set_older(self, obj: Any, chain: Chain, state: Any, setter: Any) -> None:
        try:
            self._set(obj, state, setter)
        except VersionPickleError:
            raise
        except Exception as exc:
            raise chain.failed("setting its state", exc) from exc

    def _set(self, obj: Any, state: Any, setter: Any = None) -> None:
        if state is None:
            return
        if setter is not None:
            setter(obj, state)
        else:
            self.owner.plain.set_state(obj, state)
