"""The codec of classes that declare fields."""

from __future__ import annotations

import collections
import functools

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from versionpickle._classes.codegen.methods import (
    OldVersion,
    Reduce,
    SetState,
    UnstampedDicts,
    default_of,
)
from versionpickle._classes.extra_fields import ExtraFields
from versionpickle._classes.field import UNSET, Field
from versionpickle._classes.fields import kept_in_c
from versionpickle._classes.layout import Layout
from versionpickle._classes.stored_state import (
    check_length,
    unpacked,
    with_extras,
    with_items,
    without_items,
)
from versionpickle._classes.suspicions import foreign_private_names, misplaced
from versionpickle._wire import calls
from versionpickle._wire.refs import shown_name
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.exceptions import (
    FieldsError,
    InvalidObjectError,
    StepError,
    VersionPickleError,
)
from versionpickle.migrations import Chain
from versionpickle.migrations._fields import OperationError, as_dict
from versionpickle.migrations._parts import PARTS

from .base import UNHASHABLE, Codec, Owner, as_method, value_or


class FieldsCodec(Codec):
    """Store the values of the fields that the class declares, in their order."""

    interprets = False
    """Whether steps are never compiled."""

    def __init__(self, owner: Owner, layout: Layout) -> None:
        super().__init__(owner, layout)
        self._named = {field.name: field for field in layout.fields}
        self._stamp: Stamp | None = self.new_stamp(layout.names, self._fill_today)
        self._keeps_extra = owner.declaration.extra == "keep"
        self._extra_fields = None if layout.has_dict or not self._keeps_extra else ExtraFields()
        self._dicts = UnstampedDicts()

    @functools.cached_property
    def reduce(self) -> Reduce:
        if self.layout.has_newargs or self._stamp is None:
            return as_method(self._reduce)
        return self.writer.reduce(self._stamp, self._reduce_attributes, self._extra_fields)

    @functools.cached_property
    def setstate(self) -> SetState:
        return self.writer.setstate(self._stamp, self._dicts, self._fill_any)

    def _renew_setstate(self) -> None:
        vars(self).pop("setstate", None)
        self.owner.renew_setstate()

    def _fill_today(self, claim: Claim) -> SetState:
        def fill(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state = without_items(obj, claim, state, self.chains.today())
            self._place(obj, self.chains.today(), *unpacked(claim, state))

        return fill

    def current(self, fields: tuple[str, ...] | None) -> Stamp | None:
        return self._stamp if fields == self.layout.names else None

    def have_blanks(self, objects: list[Any]) -> bool:
        for field in self.layout.fields[:1]:  # of which most objects have the first
            if field.slot is not None and not self.layout.has_dict:
                try:
                    collections.deque(map(field.slot.__get__, objects), maxlen=0)
                except AttributeError:
                    break
                return False
        return super().have_blanks(objects)

    # Reducing

    def _reduce_attributes(self, obj: Any, protocol: int) -> Any:
        """Reduce an object with unset fields, further attributes, or of a subclass."""
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        stamp = self._stamp
        values = [value_or(obj, field, stamp) for field in self.layout.fields]
        extras = self._extras(obj)
        if extras or any(value is stamp for value in values):
            values.append(extras)
        return stamp, (), (stamp, *values)

    def _reduce(self, obj: Any, protocol: int) -> Any:
        """Reduce an object that may have arguments or items beside its attributes."""
        if not self.layout.has_newargs:
            return self._reduce_attributes(obj, protocol)
        if type(obj) is not self.cls:
            return self.owner.reduce_foreign(obj, protocol)
        function, args, plain, items, pairs, _ = (
            *self.owner.plain.reduce(obj, protocol),
            *[None] * 4,
        )[:6]
        stamp, _, state = self._reduce_attributes(obj, protocol)
        if self._keeps_state_in_c:
            state = with_extras(state, _beside(obj, plain))
        if self.layout.items_in_state:
            state = with_items(state, items, pairs)
            items = pairs = None
        return *self.call(stamp, function, args), state, items, pairs

    def call(
        self, stamp: Stamp, function: Any, args: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...]]:
        make, made_of = super().call(stamp, function, args)
        if make is not stamp or not made_of:
            return make, made_of
        if not self.takes_arguments:  # which its base hands out, and nobody reads
            return stamp, ()
        # A call of the stamp alone would not notice that a later class ignores the arguments.
        return calls.make, (stamp, stamp, made_of, {})

    def _extras(self, obj: Any) -> dict[str, Any]:
        if self._extra_fields is not None:
            return self._extra_fields.of(obj)
        if not self.layout.has_dict:
            return {}
        known = self._named.keys() | self.layout.derived
        return {name: value for name, value in obj.__dict__.items() if name not in known}

    # Loading

    def upgrade(self, claim: Claim, chain: Chain) -> SetState:
        interpret = self._interpreting(claim, chain)
        has_parts = chain.names_arguments or chain.names_items
        if has_parts or not (self._compiles and claim.fields):
            return interpret
        what = f"upgrade from version {claim.version}"
        older = self._from(claim, chain, interpret)
        written = functools.cache(lambda: self.writer.compile(self.writer.upgrade(older), what))

        def fill(obj: Any, state: Any) -> None:
            if type(state[0]) is Stamp:  # whose objects are mostly filled by the class itself
                state[0].fill = written()
            written()(obj, state)

        return fill

    def _interpreting(self, claim: Claim, chain: Chain) -> SetState:
        def interpret(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state, stored = self.parts_of(obj, claim, state, chain)
            named, unset, extras = unpacked(claim, state)
            self._finish(obj, chain, stored.added_to(named), unset, extras)

        def reread(obj: Any, state: Any) -> None:
            self.check_class(obj, claim)
            state, stored = self.parts_of(obj, claim, state, chain)
            check_length(claim, state)
            content = as_dict(state[1])
            if not chain.steps:
                content = self._named_positions(content)
            self._finish_custom(obj, chain, stored.added_to(content))

        # Without fields, the class had a state of its own then.
        return reread if claim.fields is None else interpret

    def _finish_custom(self, obj: Any, chain: Chain, state: Any) -> None:
        """Fill *obj* from a state that was the business of its class."""
        self._finish(obj, chain, state, self._may_miss(state) if not chain.steps else set(), {})

    def _may_miss(self, state: Any) -> set[str]:
        """Return the fields that a state without a stamp may lack."""
        unset = {field.name for field in self.layout.fields if field.default is UNSET}
        return unset.difference(state if isinstance(state, dict) else ())

    def expect_parts(self, stamp: Stamp, chain: Chain) -> None:
        if stamp.claim.names:
            stamp.fill = self._interpreting(stamp.claim, chain)

    @property
    def _compiles(self) -> bool:
        # A step may use attributes that no stamp names.
        is_mixed = self.layout.open and not self.layout.fieldless
        return not (self.interprets or is_mixed or self._keeps_extra)

    def _from(self, claim: Claim, chain: Chain, whole: SetState) -> OldVersion:
        def rest(obj: Any, state: Any) -> None:
            self._settle(obj, chain, state, set(), {})

        def compare(values: Any) -> None:
            self._compare(chain, values, set())

        return OldVersion(claim, chain, whole, rest, compare, self._validate(chain))

    def source(self, chain: Chain, fields: tuple[str, ...] | None) -> str:
        if not self._compiles or chain.ending is not None:
            return ""
        if fields is None:
            fields = chain.fields_before(self.layout.names)
        claim = Claim(chain.ref, chain.version, fields, self._bases)
        return self.writer.upgrade(self._from(claim, chain, self._fill_any)).explained()

    def fill_of_dict(
        self, names: tuple[Any, ...], chain: Chain, *, is_common: bool
    ) -> SetState | None:
        are_fields = all(type(name) is str and name not in PARTS for name in names)
        has_parts = self.layout.has_newargs or chain.names_arguments or chain.names_items
        if has_parts or not (are_fields and self._compiles):
            return None
        older = self._from(
            Claim(chain.ref, chain.version, names, self._bases), chain, self._fill_any
        )
        try:
            source = self.writer.upgrade_dict(older)
        except VersionPickleError:  # which the codec itself raises for each object
            return None
        fill = self.writer.compile(source, f"upgrade from unstamped version {chain.version}")
        if is_common:
            self._fill_dicts(older, fill)
        return fill

    def forget_dicts(self) -> None:
        self._dicts = UnstampedDicts()
        self._renew_setstate()

    def _fill_dicts(self, older: OldVersion, fill: SetState) -> None:
        """Let the ``__setstate__`` of the class fill objects from such dicts itself."""
        self._dicts.fills[older.fields] = fill
        with self.owner.lock:
            if self._dicts.first is None:
                self._dicts.first = older
                self._renew_setstate()

    def restore(self, obj: Any, state: Any, chain: Chain) -> None:
        state = as_dict(state)
        unset = set()
        if not chain.steps:
            state = self._named_positions(state)
            unset = self._may_miss(state)
        self._finish(obj, chain, state, unset, {})

    def fill_converted(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        self._finish(obj, chain, state, unset, extras)

    def _named_positions(self, state: Any) -> Any:
        """Name the values that attrs and dataclasses once stored in bare order."""
        names = self.layout.positions
        if not isinstance(state, tuple | list) or len(state) != len(names):
            return state
        problem = misplaced(self.cls, names, state)
        if problem is not None:
            cure = "raise version=, and name the old values with name_positions(...) in a step"
            today = self.chains.today()
            raise today.failed("naming bare values", OperationError(f"{problem}; {cure}"))
        return dict(zip(names, state, strict=True))

    def _finish(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        kept = {*extras} if self._keeps_extra else set[str]()
        for name in list(extras):
            if name in self._named or name in kept or not self._keeps_apart:
                state[name] = extras.pop(name)
        state = as_dict(chain.run(state, unset))
        if self._keeps_extra and isinstance(state, dict):
            unknown = self._unknown(state)
            extras |= {
                name: state.pop(name) for name in unknown if name in kept or not chain.steps
            }
        self._settle(obj, chain, state, unset, extras)

    @property
    def _keeps_apart(self) -> bool:
        """Whether further attributes are no business of the steps."""
        return self.layout.has_dict and not self.layout.open

    def _unknown(self, names: Iterable[str]) -> list[str]:
        """Return those that are no fields."""
        if self.layout.open:
            return foreign_private_names(self.cls, names)
        known = self._named.keys() | self.layout.derived
        return [name for name in names if name not in known]

    def _settle(
        self, obj: Any, chain: Chain, state: Any, unset: set[str], extras: dict[str, Any]
    ) -> None:
        """Fill *obj* from the state after the last step; what a constructor has set is there."""
        if isinstance(state, dict):
            missing = [field for field in self.layout.fields if field.name not in state]
            unset |= {field.name for field in missing if self._has_value(obj, field)}
        self._compare(chain, state, unset)
        self._place(obj, chain, state, unset, extras)
        if chain.steps:
            self._validate(chain)(obj)

    def _compare(self, chain: Chain, state: Any, unset: set[str]) -> None:
        """Refuse a state that is not what the class declares."""
        if not isinstance(state, dict):
            problem = (
                f"the state was stored as a {type(state).__name__}, which has no field names; "
                "register a step that is a function and returns a dict"
            )
            raise StepError(chain.ref, chain.version, chain.current, "placing the state", problem)
        missing = [
            field.name
            for field in self.layout.fields
            if field.name not in state and field.name not in unset and not field.has_default
        ]
        leftover = self._unknown(state)
        if missing or leftover:
            raise self._other_fields(chain, missing, leftover)

    def _other_fields(self, chain: Chain, missing: list[str], leftover: list[str]) -> FieldsError:
        error = self.fields_error(chain, missing, map(shown_name, leftover))
        if missing and not self.layout.positions:  # bare slots, which may stay empty
            names = ", ".join(map(repr, missing))
            error.hint = f"for what is empty until it is needed, pass transient=({names},)"
        return error

    def _place(
        self,
        obj: Any,
        chain: Chain,
        state: dict[str, Any],
        unset: set[str],
        extras: dict[str, Any],
    ) -> None:
        self._make_hashable(obj)
        if chain.steps:
            self._place_extras(obj, extras)
        if self.layout.open:
            known = self._named.keys() | self.layout.derived
            free = {name: value for name, value in state.items() if name not in known}
            if self._keeps_state_in_c:
                self._place_extras(obj, free)
            else:
                obj.__dict__.update(free)
        for field in self.layout.fields:
            if field.name in state:
                field.store(obj, state[field.name])
            elif field.name not in unset:
                self._place_default(obj, chain, field)
        for field in self.layout.transients:
            self._place_default(obj, chain, field)
        if not chain.steps:  # they hold what the setter of a property made of its value
            self._place_extras(obj, extras)
        if self.layout.caches_hash:
            object.__setattr__(obj, "_attrs_cached_hash", None)

    def _has_value(self, obj: Any, field: Field) -> bool:
        value = value_or(obj, field, UNHASHABLE)
        return value is not UNHASHABLE

    def _make_hashable(self, obj: Any) -> None:
        for name in self.unhashable:
            if obj.__dict__.get(name) is UNHASHABLE:
                del obj.__dict__[name]

    def _place_extras(self, obj: Any, extras: dict[str, Any]) -> None:
        if extras and self._extra_fields is not None:
            self._extra_fields.put(obj, extras)
            return
        for name, value in extras.items():
            if kept_in_c(self.cls, name) is not None:
                object.__setattr__(obj, name, value)
            else:
                obj.__dict__[name] = value

    def _place_default(self, obj: Any, chain: Chain, field: Field) -> None:
        try:
            field.store_default(obj)
        except Exception as exc:
            self._blank(obj)
            raise chain.failed(default_of(field), exc) from exc

    def _validate(self, chain: Chain) -> Callable[[Any], None]:
        def validate(obj: Any) -> None:
            if self.layout.validates:
                self._check(obj, chain, attrs.validate)

        return validate

    def _check(self, obj: Any, chain: Chain, validate: Callable[[Any], object]) -> None:
        try:
            validate(obj)
        except Exception as exc:
            self._blank(obj)
            problem = f"{type(exc).__name__}: {exc.args[0] if exc.args else exc}"
            raise InvalidObjectError(chain.ref, chain.version, chain.current, problem) from exc

    def _blank(self, obj: Any) -> None:
        """Take all values back, so that no half-made object is left behind."""
        for field in (*self.layout.fields, *self.layout.transients):
            if value_or(obj, field, self) is not self:
                field.clear(obj)


def _beside(obj: Any, state: Any) -> dict[str, Any]:
    """Return what a class in C keeps of an object outside of its ``__dict__``."""
    attributes = state if isinstance(state, dict) else {}
    return {
        name: value
        for name, value in attributes.items()
        if value is not None and name != "args" and name not in obj.__dict__
    }
