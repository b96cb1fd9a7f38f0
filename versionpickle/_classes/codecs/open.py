"""The codec of classes that declare no fields."""

from __future__ import annotations

from typing import Any

from versionpickle._classes.codegen.methods import SetState, UnstampedDicts
from versionpickle._classes.layout import Layout
from versionpickle._classes.stored_state import without_items
from versionpickle._classes.suspicions import foreign_private_names
from versionpickle._wire.stamp import BY_VALUES, Claim, Stamp
from versionpickle.exceptions import StampError
from versionpickle.migrations._fields import as_dict

from .base import Codec, Owner
from .fields import FieldsCodec


_STAMPS_MAX = 64
"""How many sets of attributes of one open class get a stamp of their own."""


class OpenCodec(FieldsCodec):
    """Store whatever is in the ``__dict__`` of a class that declares no fields."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        Codec.__init__(self, owner, layout)
        self._named = {}
        self._stamp: Stamp | None = None
        self._keeps_extra, self._extra_fields = False, None  # all is kept anyway
        self._dicts = UnstampedDicts()
        self._stamps: dict[tuple[str, ...], Stamp] = {}
        self._fallback_stamp = self.new_stamp(None, self._fill_fallback)

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        if fields is None:
            return self._fallback_stamp
        if fields[:1] == (BY_VALUES,) or foreign_private_names(self.cls, fields):
            return None
        if not self.layout.derived.isdisjoint(fields):
            return None
        return self._stamps.get(fields) or self._first(fields)

    def known(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._fallback_stamp if fields is None else self._stamps.get(fields)

    def _first(self, fields: tuple[str, ...]) -> Stamp | None:
        """Make a stamp for these attributes, unless there are very many already."""
        with self.owner.lock:
            if len(self._stamps) >= _STAMPS_MAX or not all(type(name) is str for name in fields):
                return None
            stamp = self.new_stamp(
                fields, lambda claim: self.writer.fill(claim, self._fill_today(claim))
            )
            if not self._stamps:  # most objects will have the attributes that came first
                self._stamp = stamp
                self._renew_setstate()
                vars(self).pop("reduce", None)
                self.owner.renew_reduce()
            return self._stamps.setdefault(fields, stamp)

    def _fill_fallback(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state = without_items(obj, claim, state)
            if len(state) != 2:
                raise StampError(claim.ref, "its state is not the dict that its stamp promises")
            self._finish_custom(obj, self.chains.today(), as_dict(state[1]))

        return fill

    def _reduce_attributes(self, obj: Any, protocol: int) -> Any:
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        attributes = obj.__dict__
        stamp = self._stamps.get(tuple(attributes))
        if stamp is None:
            attributes = self._extras(obj)
            stamp = self.current(tuple(attributes))
        if stamp is None:
            return self._fallback_stamp, (), (self._fallback_stamp, attributes)
        return stamp, (), (stamp, *attributes.values())
