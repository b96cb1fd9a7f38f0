"""Generate the methods of one class, unrolled over its fields."""

from __future__ import annotations

import functools
import keyword

from collections.abc import Callable
from typing import Any

import attrs

from versionpickle._classes.extra_fields import ExtraFields
from versionpickle._classes.field import UNSET, Field
from versionpickle._classes.fields import is_watched, kept_in_c
from versionpickle._classes.layout import Layout
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.migrations import Chain

from .source import Source
from .symbolic import SymbolicState


Reduce = Callable[[Any, Any], Any]
SetState = Callable[[Any, Any], None]


@attrs.frozen
class OldVersion:
    """What an object was stored as, the way to today, and what serves unusual states."""

    claim: Claim
    chain: Chain
    whole: SetState
    """An object with unset fields, with further attributes, or of a subclass."""

    rest: SetState
    """A dict that a function returned, with other fields than the class declares."""

    compare: Callable[[Any], None]
    """Refuse fields that are not those of the class."""

    validate: Callable[[Any], None]

    @property
    def fields(self) -> tuple[str, ...]:
        return self.claim.fields or ()

    @property
    def locals(self) -> list[str]:
        """The local variables that hold their values."""
        return [f"v{number}" for number in range(len(self.fields))]


@attrs.define
class UnstampedDicts:
    """What fills an object from a dict of its fields that was stored without a stamp."""

    fills: dict[tuple[str, ...], SetState] = attrs.field(factory=dict)
    """A function for each set of names."""

    first: OldVersion | None = None
    """The names that came first: a ``__setstate__`` fills from these without a further call."""


class Writer:
    """Write functions that read and fill objects of one class."""

    def __init__(self, cls: type, layout: Layout) -> None:
        self._cls = cls
        self._layout = layout
        self._named = {field.name: field for field in layout.fields}

    def reduce(self, stamp: Stamp, otherwise: Reduce, extra: ExtraFields | None = None) -> Reduce:
        """
        Return a ``__reduce_ex__``: the stamp, and the values in order.

        *otherwise* serves objects with unset fields or further attributes, some of which
        may be kept in *extra*.
        """
        fields = self._stored(stamp.claim)
        in_dict = sum(field.slot is None for field in fields)
        by_name = [self._is_readable(field) for field in fields]
        source = Source("__reduce_ex__(self, protocol=4)")
        made, cls, rest = source.constants(stamp, self._cls, otherwise)
        test = f"type(self) is {cls}"
        if self._layout.has_dict:
            source.line("d = self.__dict__")
            test = f"len(d) == {in_dict} and {test}"
        if extra is not None:
            test = f"id(self) not in {source.constant(extra.by_id)} and {test}"
        values = "".join(
            f"{_reading(source, field, by_name=plain)}, "
            for field, plain in zip(fields, by_name, strict=True)
        )
        source.block(f"""
            if {test}:
                try:
                    return {made}, (), ({made}, {values})
                except (AttributeError, KeyError):
                    pass
            return {rest}(self, protocol)
        """)
        return source.compile(f"__reduce_ex__ of {self._label}")

    def setstate(
        self,
        stamp: Stamp | None,
        older: dict[Stamp, OldVersion],
        unstamped: UnstampedDicts,
        otherwise: SetState,
    ) -> SetState:
        """
        Return a ``__setstate__``.

        It fills an object from a state of *stamp* or of an *older* one, hands those of other
        stamps and *unstamped* dicts to what fills from them, and the rest to *otherwise*.
        """
        fields = self._stored(stamp.claim) if stamp is not None else ()
        assignable = [self._is_assignable(field) for field in fields]
        source = Source("__setstate__(self, state)")
        cls, stamps = source.constants(self._cls, Stamp)
        source.line("if type(state) is tuple and state:")
        source.line("stamp = state[0]", indent=2)
        source.base = 1
        word = "if"
        if stamp is not None:
            source.line(f"{word} stamp is {source.constant(stamp)}:")
            source.line(f"if len(state) == {len(fields) + 1} and type(self) is {cls}:", indent=2)
            _unpack(source, fields, assignable, indent=3)
            self._rest(source, indent=3)
            source.line("return", indent=3)
            word = "elif"
        for old, version in older.items():
            count = len(version.fields)
            source.line(f"{word} stamp is {source.constant(old)}:")
            source.line(f"if len(state) == {count + 1} and type(self) is {cls}:", indent=2)
            source.base = 3
            self._upgrade(source, version, "_, {}= state")
            source.line("return")
            source.base = 1
            word = "elif"
        source.line(f"{word} type(stamp) is {stamps}:")
        source.line("return stamp.fill(self, state)", indent=2)
        source.base = 0
        source.line(f"elif type(state) is dict and type(self) is {cls}:")
        source.base = 1
        self._fill_from_dict(source, unstamped)
        source.base = 0
        source.line(f"{source.constant(otherwise)}(self, state)")
        return source.compile(f"__setstate__ of {self._label}")

    def _fill_from_dict(self, source: Source, unstamped: UnstampedDicts) -> None:
        first = unstamped.first
        if first is not None:
            source.line(f"if len(state) == {len(first.fields)}:")
            source.line("try:", indent=2)
            source.line("pass", indent=3)  # in case that it has no fields
            for local, name in zip(first.locals, first.fields, strict=True):
                source.line(f"{local} = state[{name!r}]", indent=3)
            source.line("except KeyError:", indent=2)
            source.line("pass", indent=3)
            source.line("else:", indent=2)
            source.base += 2
            self._upgrade(source, first, "", may_be_made=True)
            source.line("return")
            source.base -= 2
        source.line(f"fill = {source.constant(unstamped.fills)}.get((*state,))")
        source.line("if fill is not None:")
        source.line("return fill(self, state)", indent=2)

    def fill(self, claim: Claim, otherwise: SetState) -> SetState:
        """Return a function that fills an object from a state of today's *claim*."""
        fields = self._stored(claim)
        assignable = [self._is_assignable(field) for field in fields]
        source = Source("fill(self, state)")
        self._guard(source, len(fields), otherwise)
        _unpack(source, fields, assignable, indent=1)
        self._rest(source, indent=1)
        return source.compile(f"fill of {self._label}")

    def upgrade(self, older: OldVersion) -> Source:
        """Return a function that fills an object from a state of an older claim."""
        source = Source("upgrade(self, state)")
        self._guard(source, len(older.fields), older.whole)
        self._upgrade(source, older, "_, {}= state")
        return source

    def upgrade_dict(self, older: OldVersion) -> Source:
        """Return a function that fills an object from a dict of these fields, in this order."""
        source = Source("upgrade(self, state)")
        self._upgrade(source, older, "{}= state.values()", may_be_made=True)
        return source

    def compile(self, source: Source, what: str) -> SetState:
        return source.compile(f"{what} of {self._label}")

    def _upgrade(
        self, source: Source, older: OldVersion, unpack: str, *, may_be_made: bool = False
    ) -> None:
        """
        Write what upgrades a state and fills the object.

        *unpack* puts the values into local variables, on which operations work up to the
        first step that is a function; from there on, on the dict that it returned.
        An object that *may_be_made* by a constructor keeps what that has set.
        """
        failed = source.constant(functools.partial(_failed, source, older.chain))
        source.line("try:")
        targets = "".join(f"{name}, " for name in older.locals)
        source.line(unpack.format(targets or "() " * ("_" not in unpack)) or "pass", indent=2)
        named = dict(zip(older.fields, older.locals, strict=True))
        symbols = older.chain.compile(SymbolicState(named, source))
        source.line("except Exception as exc:")
        source.line(f"raise {failed}(exc) from exc", indent=2)
        if isinstance(symbols, SymbolicState):
            older.compare(symbols.values)
            values = symbols.values
        else:
            rest, made = source.constant(older.rest), symbols.handed_over()
            if self._layout.open:
                source.line(f"return {rest}(self, {made})")
                return
            values = self._returned(source, made, rest)
        source.line("try:")
        self._place(source, values, may_be_made=may_be_made)
        source.line("except Exception as exc:")
        source.line(f"raise {failed}(exc) from exc", indent=2)
        if self._layout.validates and older.chain.steps:
            source.line(f"{source.constant(older.validate)}(self)")

    def _returned(self, source: Source, made: str, rest: str) -> dict[str, str]:
        """Take the values out of a dict, if that has all fields and no other."""
        values = {field.name: source.new_name() for field in self._layout.fields}
        source.line(f"if len({made}) != {len(values)}:")
        source.line(f"return {rest}(self, {made})", indent=2)
        if values:
            source.line("try:")
        for name, value in values.items():
            source.line(f"{value} = {made}[{name!r}]", indent=2)
        if values:
            source.line("except KeyError:")
            source.line(f"return {rest}(self, {made})", indent=2)
        return values

    def _place(self, source: Source, values: dict[str, str], *, may_be_made: bool) -> None:
        fields = self._layout.fields
        known = {field.name for field in fields} | self._layout.derived
        source.doing = "placing the state"
        source.line("pass", indent=2)  # in case that there is nothing to place
        for field in (*fields, *(self._open_field(name) for name in values if name not in known)):
            if field.name in values:
                self._store(source, field, values[field.name], indent=2)
            elif may_be_made and self._default(source, field) is not None:
                self._store_default_if_unset(source, field)
            else:
                self._store_default(source, field, indent=2)
        self._rest(source, indent=2)
        source.doing = None

    def _store_default_if_unset(self, source: Source, field: Field) -> None:
        if field.slot is None:
            source.line(f"if {field.name!r} not in self.__dict__:", indent=2)
        else:
            source.line("try:", indent=2)
            source.line(f"{source.constant(field.slot.__get__)}(self)", indent=3)
            source.line("except AttributeError:", indent=2)
        self._store_default(source, field, indent=3)

    @property
    def _label(self) -> str:
        return f"{self._cls.__module__}.{self._cls.__qualname__}"

    def _stored(self, claim: Claim) -> tuple[Field, ...]:
        """Return the fields in the order of *claim*."""
        if claim.fields == self._layout.names:
            return self._layout.fields
        named = self._named
        return tuple(named.get(name) or self._open_field(name) for name in claim.fields or ())

    def _open_field(self, name: str) -> Field:
        slot = kept_in_c(self._cls, name)
        return Field(name, slot, guarded=slot is not None or is_watched(self._cls, name))

    def _default(self, source: Source, field: Field) -> str | None:
        if field.default is None or field.default is UNSET:
            return None
        if field.default.constant:
            return source.constant(field.default.make(None))
        return f"{source.constant(field.default.make)}(self)"

    def _guard(self, source: Source, count: int, otherwise: SetState) -> None:
        cls = source.constant(self._cls)
        source.line(f"if len(state) != {count + 1} or type(self) is not {cls}:")
        source.line(f"return {source.constant(otherwise)}(self, state)", indent=2)

    def _is_readable(self, field: Field) -> bool:
        return self._layout.plain_getattr and not field.guarded and _is_plain(field.name)

    def _is_assignable(self, field: Field) -> bool:
        return self._layout.plain_setattr and not field.guarded and _is_plain(field.name)

    def _store(self, source: Source, field: Field, value: str | None, *, indent: int) -> None:
        if value is None:
            return
        if self._is_assignable(field):
            source.line(f"self.{field.name} = {value}", indent=indent)
        elif field.slot is None:
            source.line(f"self.__dict__[{field.name!r}] = {value}", indent=indent)
        else:
            source.line(f"{source.constant(field.slot.__set__)}(self, {value})", indent=indent)

    def _store_default(self, source: Source, field: Field, *, indent: int) -> None:
        before, source.doing = source.doing, default_of(field)
        self._store(source, field, self._default(source, field), indent=indent)
        source.doing = before

    def _rest(self, source: Source, *, indent: int) -> None:
        """Write what no stream holds: transient fields, and attrs' cached hash."""
        for field in self._layout.transients:
            self._store_default(source, field, indent=indent)
        if self._layout.caches_hash:
            setter = source.constant(object.__setattr__)
            source.line(f"{setter}(self, '_attrs_cached_hash', None)", indent=indent)


def _reading(source: Source, field: Field, *, by_name: bool) -> str:
    """Return an expression for the value of a field."""
    if field.slot is None:
        return f"d[{field.name!r}]"
    return f"self.{field.name}" if by_name else f"{source.constant(field.slot.__get__)}(self)"


def _unpack(
    source: Source, fields: tuple[Field, ...], assignable: list[bool], *, indent: int
) -> None:
    """Write one assignment of the whole state, and the calls that it leaves over."""
    targets = []
    calls = []
    for number, (field, is_assignable) in enumerate(zip(fields, assignable, strict=True)):
        if is_assignable:
            targets.append(f"self.{field.name}, ")
        elif field.slot is None:
            targets.append(f"d[{field.name!r}], ")
        else:
            targets.append(f"v{number}, ")
            calls.append(f"{source.constant(field.slot.__set__)}(self, v{number})")
    if any(target.startswith("d[") for target in targets):
        source.line("d = self.__dict__", indent=indent)
    source.line(f"_, {''.join(targets)}= state", indent=indent)
    for call in calls:
        source.line(call, indent=indent)


def _failed(source: Source, chain: Chain, exc: Exception) -> Exception:
    return chain.failed(source.done_by(exc), exc)


def default_of(field: Field) -> str:
    """Return the words for what failed when a default could not be made."""
    return f"the default of {field.name!r}"


def _is_plain(name: str) -> bool:
    """Return whether ``self.name`` means this very name to the compiler."""
    reserved = keyword.iskeyword(name) or name == "__debug__"
    return name.isascii() and name.isidentifier() and not reserved
