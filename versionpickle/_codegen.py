"""Write the hooks of one class, unrolled over its fields."""

from __future__ import annotations

import keyword

from collections.abc import Callable, Iterable
from typing import Any

from ._field import UNSET, Field
from ._fields import is_watched
from ._layout import Layout
from ._source import Source
from ._stamp import Claim, Stamp
from .migrations import Chain
from .migrations._state import Symbols


Reduce = Callable[[Any, Any], Any]
SetState = Callable[[Any, Any], None]


class Writer:
    """Write functions that read and fill objects of one class."""

    def __init__(self, cls: type, layout: Layout) -> None:
        self._cls = cls
        self._layout = layout

    def reduce(self, stamp: Stamp, otherwise: Reduce) -> Reduce:
        """
        Return a ``__reduce_ex__``: the stamp, and the values in order.

        *otherwise* serves objects with unset fields or further attributes.
        """
        source = Source("__reduce_ex__(self, protocol=4)")
        fields = self._stored(stamp.claim)
        made = source.constant(stamp)
        test = f"type(self) is {source.constant(self._cls)}"
        if self._layout.has_dict:
            source.line("d = self.__dict__")
            in_dict = sum(field.slot is None for field in fields)
            test = f"len(d) == {in_dict} and {test}"
        values = "".join(f"{self._read(source, field)}, " for field in fields)
        source.line(f"if {test}:")
        source.line("try:", indent=2)
        source.line(f"return {made}, (), ({made}, {values})", indent=3)
        source.line("except (AttributeError, KeyError):", indent=2)
        source.line("pass", indent=3)
        source.line(f"return {source.constant(otherwise)}(self, protocol)")
        return source.compile(self._label("__reduce_ex__"))

    def setstate(self, stamp: Stamp, otherwise: SetState) -> SetState:
        """
        Return a ``__setstate__``.

        It fills an object from a state of *stamp*, hands those of other stamps
        to them, and the rest to *otherwise*.
        """
        source = Source("__setstate__(self, state)")
        fields = self._stored(stamp.claim)
        made, cls = source.constant(stamp), source.constant(self._cls)
        source.line("if type(state) is tuple and state:")
        source.line(f"if len(state) == {len(fields) + 1} and state[0] is {made}:", indent=2)
        source.line(f"if type(self) is {cls}:", indent=3)
        self._unpack(source, fields, indent=4)
        self._rest(source, indent=4)
        source.line("return", indent=4)
        source.line(f"elif type(state[0]) is {source.constant(Stamp)}:", indent=2)
        source.line("return state[0].fill(self, state)", indent=3)
        source.line(f"{source.constant(otherwise)}(self, state)")
        return source.compile(self._label("__setstate__"))

    def fill(self, claim: Claim, otherwise: SetState) -> SetState:
        """Return a function that fills an object from a state of today's *claim*."""
        source = Source("fill(self, state)")
        fields = self._stored(claim)
        self._guard(source, len(fields), otherwise)
        self._unpack(source, fields, indent=1)
        self._rest(source, indent=1)
        return source.compile(self._label("fill"))

    def upgrade(
        self, claim: Claim, chain: Chain, otherwise: SetState, validate: Callable[[Any], None]
    ) -> SetState | None:
        """
        Return a function that fills an object from a state of an older *claim*.

        Return None where the outcome is not what the class declares: then
        *otherwise*, which must serve all that is unusual, has the words for it.
        """
        source = Source("upgrade(self, state)")
        stored = claim.fields or ()
        failed = source.constant(chain.failed)
        self._guard(source, len(stored), otherwise)
        source.line("doing = 0")
        source.line("try:")
        names = [f"v{i}" for i in range(len(stored))]
        source.line(f"_, {''.join(f'{name}, ' for name in names)}= state", indent=2)
        symbols = Symbols(dict(zip(stored, names, strict=True)), source)
        chain.compile(symbols)
        source.line("except Exception as exc:")
        source.line(
            f"raise {failed}({source.constant(chain.steps)}[doing], exc) from exc", indent=2
        )
        targets = self._stored_in(symbols.values)
        if targets is None:
            return None
        source.line("try:")
        source.line("doing = 'placing the state'", indent=2)
        for field in targets:
            if field.name in symbols.values:
                self._store(source, field, symbols.values[field.name], indent=2)
            else:
                self._store_default(source, field, indent=2)
        self._rest(source, indent=2)
        source.line("except Exception as exc:")
        source.line(f"raise {failed}(doing, exc) from exc", indent=2)
        if self._layout.validates:
            source.line(f"{source.constant(validate)}(self)")
        return source.compile(self._label("upgrade"))

    def _stored(self, claim: Claim) -> tuple[Field, ...]:
        """Return the fields in the order of *claim*."""
        named = {field.name: field for field in self._layout.fields}
        return tuple(named.get(name) or self._open_field(name) for name in claim.fields or ())

    def _stored_in(self, values: dict[str, str]) -> Iterable[Field] | None:
        fields = self._layout.fields
        leftover = values.keys() - {field.name for field in fields} - self._layout.derived
        missing = [f for f in fields if f.name not in values and not f.has_default]
        if missing or (leftover and not self._layout.open):
            return None
        return [*fields, *(self._open_field(name) for name in values if name in leftover)]

    def _open_field(self, name: str) -> Field:
        return Field(name, guarded=is_watched(self._cls, name))

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

    def _read(self, source: Source, field: Field) -> str:
        if field.slot is None:
            return f"d[{field.name!r}]"
        if self._layout.plain_getattr and not field.guarded and _is_plain(field.name):
            return f"self.{field.name}"
        return f"{source.constant(field.slot.__get__)}(self)"

    def _is_assignable(self, field: Field) -> bool:
        return self._layout.plain_setattr and not field.guarded and _is_plain(field.name)

    def _unpack(self, source: Source, fields: tuple[Field, ...], *, indent: int) -> None:
        """Write one assignment of the whole state, and the calls that it leaves over."""
        targets = []
        calls = []
        for number, field in enumerate(fields):
            if self._is_assignable(field):
                targets.append(f"self.{field.name}")
            elif field.slot is None:
                targets.append(f"d[{field.name!r}]")
            else:
                targets.append(f"v{number}")
                calls.append(f"{source.constant(field.slot.__set__)}(self, v{number})")
        if any(target.startswith("d[") for target in targets):
            source.line("d = self.__dict__", indent=indent)
        source.line(f"_, {''.join(f'{target}, ' for target in targets)}= state", indent=indent)
        for call in calls:
            source.line(call, indent=indent)

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
        value = self._default(source, field)
        if value is not None and not value.isidentifier():  # a call, which may fail
            source.line(f"doing = {default_of(field)!r}", indent=indent)
        self._store(source, field, value, indent=indent)

    def _rest(self, source: Source, *, indent: int) -> None:
        """Write what no stream holds: transient fields, and attrs' cached hash."""
        for field in self._layout.transients:
            self._store_default(source, field, indent=indent)
        if self._layout.caches_hash:
            setter = source.constant(object.__setattr__)
            source.line(f"{setter}(self, '_attrs_cached_hash', None)", indent=indent)

    def _label(self, function: str) -> str:
        return f"{function} of {self._cls.__module__}.{self._cls.__qualname__}"


def default_of(field: Field) -> str:
    """Return the words for what failed when a default could not be made."""
    return f"the default of {field.name!r}"


def _is_plain(name: str) -> bool:
    """Tell whether ``self.name`` means this very name to the compiler."""
    reserved = keyword.iskeyword(name) or name == "__debug__"
    return name.isascii() and name.isidentifier() and not reserved
