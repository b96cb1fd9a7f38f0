"""The codec of pydantic models: their fields by name, and pydantic's own bookkeeping."""

from __future__ import annotations

import sys

from typing import Annotated, Any

from versionpickle._classes.third_party import (
    EXTRA,
    FIELDS_SET,
    PRIVATE,
    private_defaults,
    with_fields_of_model,
)
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import as_dict

from .fields import FieldsCodec


_MISSING = object()


class PydanticCodec(FieldsCodec):
    """Store the fields of a model; a step sees them as those of any class."""

    interprets = True

    def of_models(self, state: Any) -> Any:
        return state

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        super().restore(obj, with_fields_of_model(state), chain)

    def _finish(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        before = dict(state) if isinstance(state, dict) else {}
        state = as_dict(chain.run(state, unset))
        if isinstance(state, dict):
            self._take_extra(state)
        self._compare(chain, state, unset)
        self._place(obj, chain, state, unset, extras)
        was_model = FIELDS_SET in before
        if chain.steps or not was_model:
            self._note_set(obj, before if was_model else {}, state)
            validated = before if was_model else {}  # nothing, where no model has done it
            self._check(obj, chain, lambda obj: self._validate_changed(obj, validated, state))
        if type(obj).__private_attributes__ == {} and obj.__pydantic_private__ == {}:
            object.__setattr__(obj, PRIVATE, None)  # as pydantic 2 has it, and 1 had not

    def _take_extra(self, state: dict[str, Any]) -> None:
        """Let an extra field be the field of its name that the model has by now."""
        extra = dict(state.get(EXTRA) or {})
        taken = [name for name in extra if name in self._named and name not in state]
        state.update((name, extra.pop(name)) for name in taken)
        if taken:
            state[EXTRA] = extra
            state[FIELDS_SET] = {*state.get(FIELDS_SET, ()), *taken}

    def _note_set(self, obj: Any, before: dict[str, Any], state: dict[str, Any]) -> None:
        """Count as set what was, and what a step gave; a field that is renamed stays as it was."""
        was_set = before.get(FIELDS_SET) or set()
        gone_unset = [before[name] for name in before if name not in state and name not in was_set]
        names = {name for name in state if name in type(obj).__pydantic_fields__}
        kept_unset = {
            name
            for name in names - state.get(FIELDS_SET, set())
            if name in before or any(state[name] is value for value in gone_unset)
        }
        object.__setattr__(obj, FIELDS_SET, names - kept_unset)
        if type(obj).__private_attributes__:
            private = {**(private_defaults(obj) or {}), **(obj.__pydantic_private__ or {})}
            object.__setattr__(obj, PRIVATE, private)

    def _validate_changed(self, obj: Any, before: dict[str, Any], state: dict[str, Any]) -> None:
        """
        Validate and convert what the steps gave, as an assignment would.

        What they left alone has been converted already.
        """
        cls: Any = self.cls
        fields_set = obj.__pydantic_fields_set__
        changed = {
            name: value
            for name, value in state.items()
            if name in cls.__pydantic_fields__ and value is not before.get(name, _MISSING)
        }
        is_frozen = cls.model_config.get("frozen")
        if is_frozen or any(cls.__pydantic_fields__[name].frozen for name in changed):
            obj.__dict__.update(self._validated_as_new(obj, changed))
        else:
            for name, value in changed.items():
                trial = obj.model_copy()
                cls.__pydantic_validator__.validate_assignment(trial, name, value)
                obj.__dict__[name] = trial.__dict__[name]
        object.__setattr__(obj, FIELDS_SET, fields_set)

    def _validated_as_new(self, obj: Any, changed: dict[str, Any]) -> dict[str, Any]:
        """Return the valid values of frozen fields; only their own errors count."""
        cls: Any = self.cls
        given = {name: obj.__dict__[name] for name in cls.__pydantic_fields__}
        try:
            valid = cls.__pydantic_validator__.validate_python(given, by_name=True, by_alias=False)
        except ValueError as exc:  # pydantic's ValidationError is one
            places: list[Any] = [error["loc"] for error in getattr(exc, "errors", list)()]
            if not places or any(not place or place[0] in changed for place in places):
                raise
            return {
                name: _valid_alone(cls.__pydantic_fields__[name], value)
                for name, value in changed.items()
            }
        return {name: valid.__dict__[name] for name in changed}


def _valid_alone(field: Any, value: Any) -> Any:
    """Validate a value by the type of its field, without the validators of the model."""
    adapter: Any = sys.modules["pydantic"].TypeAdapter
    kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return adapter(kind).validate_python(value)
