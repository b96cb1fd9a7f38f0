"""Keep values of fields that today's class does not have (``extra='keep'``)."""

from __future__ import annotations

import weakref

from typing import Any


class ExtraFields:
    """Keep further values of the objects of one class, as long as each object lives."""

    def __init__(self) -> None:
        self.by_id: dict[int, tuple[weakref.ref[Any], dict[str, Any]]] = {}

    def put(self, obj: Any, values: dict[str, Any]) -> None:
        place = id(obj)
        self.by_id[place] = weakref.ref(obj, lambda _: self.by_id.pop(place, None)), values

    def of(self, obj: Any) -> dict[str, Any]:
        _, values = self.by_id.get(id(obj), (None, {}))
        return values
