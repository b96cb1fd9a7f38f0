"""Generate the methods of one class, unrolled over its fields."""

from __future__ import annotations

import functools
import keyword

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

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
Lines: TypeAlias = Iterator[tuple[str, object]]
"""Lines of source, each with what it is about."""

_PLACING = "placing the state"
_RETURN = ("return", None)


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

    fields: tuple[str, ...] = attrs.field(init=False)
    variables: list[str] = attrs.field(init=False)
    """Those that hold the values of the fields."""

    @fields.default
    def _fields(self) -> tuple[str, ...]:
        return self.claim.fields or ()

    @variables.default
    def _variables(self) -> list[str]:
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
        self._label = f"{cls.__module__}.{cls.__qualname__}"

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
        self, stamp: Stamp | None, unstamped: UnstampedDicts, otherwise: SetState
    ) -> SetState:
        """
        Return a ``__setstate__``.

        It fills an object from a state of *stamp*, hands those of other stamps and *unstamped*
        dicts to what fills from them, and the rest to *otherwise*.
        """
        fields = self._stored(stamp.claim) if stamp is not None else ()
        assignable = [self._is_assignable(field) for field in fields]
        source = Source("__setstate__(self, state)")
        cls, stamps, fills, rest = source.constants(self._cls, Stamp, unstamped.fills, otherwise)
        source.block("""
            if type(state) is tuple and state:
                stamp = state[0]
        """)
        word = "if"
        if stamp is not None:
            filling = [*_unpacking(source, fields, assignable), *self._rest(source), _RETURN]
            source.block(
                f"""
                {word} stamp is {source.constant(stamp)}:
                    if len(state) == {len(fields) + 1} and type(self) is {cls}:
            """,
                indent=2,
            )
            source.lines(filling, indent=4)
            word = "elif"
        source.block(f"""
                {word} type(stamp) is {stamps}:
                    return stamp.fill(self, state)
            elif type(state) is dict and type(self) is {cls}:
        """)
        if unstamped.first is not None:
            self._fill_from_dict(source, unstamped.first)
        source.block(f"""
                fill = {fills}.get((*state,))
                if fill is not None:
                    return fill(self, state)
            {rest}(self, state)
        """)
        return source.compile(f"__setstate__ of {self._label}")

    def _fill_from_dict(self, source: Source, first: OldVersion) -> None:
        pairs = zip(first.variables, first.fields, strict=True)
        reading = "; ".join(f"{local} = state[{name!r}]" for local, name in pairs)
        source.block(
            f"""
            if len(state) == {len(first.fields)}:
                try:
                    {reading or "pass"}
                except KeyError:
                    pass
                else:
        """,
            indent=2,
        )
        source.base = 3
        self._upgrade(source, first, "", may_be_made=True)
        source.line("return")
        source.base = 0

    def fill(self, claim: Claim, otherwise: SetState) -> SetState:
        """Return a function that fills an object from a state of today's *claim*."""
        fields = self._stored(claim)
        assignable = [self._is_assignable(field) for field in fields]
        source = self._guarded("fill(self, state)", len(fields), otherwise)
        source.lines([*_unpacking(source, fields, assignable), *self._rest(source)])
        return source.compile(f"fill of {self._label}")

    def upgrade(self, older: OldVersion) -> Source:
        """Return a function that fills an object from a state of an older claim."""
        source = self._guarded("upgrade(self, state)", len(older.fields), older.whole)
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
        named = dict(zip(older.fields, older.variables, strict=True))
        targets = "".join(f"{name}, " for name in named.values())
        failed = source.constant(functools.partial(_failed, source, older.chain))
        source.block(f"""
            try:
                {unpack.format(targets or "() " * ("_" not in unpack)) or "pass"}
        """)
        symbols = older.chain.compile(SymbolicState(named, source))
        source.block(f"""
            except Exception as exc:
                raise {failed}(exc) from exc
        """)
        if isinstance(symbols, SymbolicState):
            older.compare(symbols.values)
            values = symbols.values
        else:
            rest, made = source.constant(older.rest), symbols.handed_over()
            if self._layout.open:
                source.line(f"return {rest}(self, {made})")
                return
            values = self._returned(source, made, rest)
        placing = self._placing(source, values, may_be_made=may_be_made)
        failing = ("except Exception as exc:", None), (f"    raise {failed}(exc) from exc", None)
        source.lines(
            [("try:", None), *((f"    {text}", doing) for text, doing in placing), *failing]
        )
        if self._layout.validates and older.chain.steps:
            source.line(f"{source.constant(older.validate)}(self)")

    def _returned(self, source: Source, made: str, rest: str) -> dict[str, str]:
        """Take the values out of a dict, if that has all fields and no other."""
        values = {field.name: source.new_name() for field in self._layout.fields}
        source.block(f"""
            if len({made}) != {len(values)}:
                return {rest}(self, {made})
        """)
        if values:
            reading = "; ".join(f"{value} = {made}[{name!r}]" for name, value in values.items())
            source.block(f"""
                try:
                    {reading}
                except KeyError:
                    return {rest}(self, {made})
            """)
        return values

    def _placing(self, source: Source, values: dict[str, str], *, may_be_made: bool) -> Lines:
        """Yield what gives an object its values, defaults, and what no stream holds."""
        fields = self._layout.fields
        known = {field.name for field in fields} | self._layout.derived
        yield "pass", _PLACING  # in case that there is nothing to place
        for field in (*fields, *(self._open_field(name) for name in values if name not in known)):
            if field.name in values:
                yield self._storing(source, field, values[field.name]), _PLACING
            elif may_be_made:
                yield from self._default_if_unset(source, field)
            else:
                yield from self._default(source, field)
        yield from self._rest(source)

    def _default_if_unset(self, source: Source, field: Field) -> Lines:
        if field.slot is None:
            yield f"if {field.name!r} not in self.__dict__:", _PLACING
        else:
            yield "try:", _PLACING
            yield f"    {source.constant(field.slot.__get__)}(self)", _PLACING
            yield "except AttributeError:", _PLACING
        yield from ((f"    {text}", doing) for text, doing in self._default(source, field))

    def _stored(self, claim: Claim) -> tuple[Field, ...]:
        """Return the fields in the order of *claim*."""
        if claim.fields == self._layout.names:
            return self._layout.fields
        named = self._named
        return tuple(named.get(name) or self._open_field(name) for name in claim.fields or ())

    def _open_field(self, name: str) -> Field:
        slot = kept_in_c(self._cls, name)
        return Field(name, slot, guarded=slot is not None or is_watched(self._cls, name))

    def _guarded(self, signature: str, count: int, otherwise: SetState) -> Source:
        """Begin a function that leaves all but states of this length to *otherwise*."""
        source = Source(signature)
        cls, rest = source.constants(self._cls, otherwise)
        source.block(f"""
            if len(state) != {count + 1} or type(self) is not {cls}:
                return {rest}(self, state)
        """)
        return source

    def _is_readable(self, field: Field) -> bool:
        return self._layout.plain_getattr and not field.guarded and _is_plain(field.name)

    def _is_assignable(self, field: Field) -> bool:
        return self._layout.plain_setattr and not field.guarded and _is_plain(field.name)

    def _storing(self, source: Source, field: Field, value: str) -> str:
        if self._is_assignable(field):
            return f"self.{field.name} = {value}"
        if field.slot is None:
            return f"self.__dict__[{field.name!r}] = {value}"
        return f"{source.constant(field.slot.__set__)}(self, {value})"

    def _default(self, source: Source, field: Field) -> Lines:
        """Yield what gives a field its default, if it has one."""
        if field.default is None or field.default is UNSET:
            return
        if field.default.constant:
            value = source.constant(field.default.make(None))
        else:
            value = f"{source.constant(field.default.make)}(self)"
        yield self._storing(source, field, value), default_of(field)

    def _rest(self, source: Source) -> Lines:
        """Yield what sets that which no stream holds: transient fields, and attrs' cached hash."""
        for field in self._layout.transients:
            yield from self._default(source, field)
        if self._layout.caches_hash:
            setter = source.constant(object.__setattr__)
            yield f"{setter}(self, '_attrs_cached_hash', None)", None


def _reading(source: Source, field: Field, *, by_name: bool) -> str:
    """Return an expression for the value of a field."""
    if field.slot is None:
        return f"d[{field.name!r}]"
    return f"self.{field.name}" if by_name else f"{source.constant(field.slot.__get__)}(self)"


def _unpacking(source: Source, fields: tuple[Field, ...], assignable: list[bool]) -> Lines:
    """Yield one assignment of the whole state, and the calls that it leaves over."""
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
        yield "d = self.__dict__", None
    yield f"_, {''.join(targets)}= state", None
    yield from ((call, None) for call in calls)


def _failed(source: Source, chain: Chain, exc: Exception) -> Exception:
    return chain.failed(source.done_by(exc), exc)


def default_of(field: Field) -> str:
    """Return the words for what failed when a default could not be made."""
    return f"the default of {field.name!r}"


def _is_plain(name: str) -> bool:
    """Return whether ``self.name`` means this very name to the compiler."""
    reserved = keyword.iskeyword(name) or name == "__debug__"
    return name.isascii() and name.isidentifier() and not reserved
