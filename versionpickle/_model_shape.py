"""The shape of pydantic models: fields by name, and what pydantic keeps beside them."""

from __future__ import annotations

from typing import Any

from ._declared_elsewhere import EXTRA, FIELDS_SET, PRIVATE, private_defaults
from ._fields_shape import FieldsShape
from .migrations import Chain


_OF_MODEL = {FIELDS_SET, EXTRA, PRIVATE}
_FORMER_NAMES = {"__fields_set__": FIELDS_SET, "__private_attribute_values__": PRIVATE}
"""What pydantic 1 called them."""


class ModelShape(FieldsShape):
    """Store the fields of a model; a step sees them as those of any class."""

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        if isinstance(state, dict) and "__dict__" in state:
            kept = {_FORMER_NAMES.get(name, name): value for name, value in state.items()}
            state = {**(kept.pop("__dict__") or {}), **kept}
        super().restore(obj, state, chain)

    def _check(self, obj: Any, stored: tuple[str, ...]) -> None:
        """Validate as the model does; what is new by a step counts as set."""
        cls: Any = self.cls
        names = obj.__dict__.keys() & cls.__pydantic_fields__.keys()
        given = {name: obj.__dict__[name] for name in names}
        valid = cls.__pydantic_validator__.validate_python(
            {**(obj.__pydantic_extra__ or {}), **given}, by_name=True, by_alias=False
        )
        obj.__dict__.update((name, valid.__dict__[name]) for name in names)
        unset = set(stored) - obj.__pydantic_fields_set__
        object.__setattr__(obj, FIELDS_SET, names - unset)
        if cls.__private_attributes__:
            private = {**(private_defaults(obj) or {}), **(obj.__pydantic_private__ or {})}
            object.__setattr__(obj, PRIVATE, private)
