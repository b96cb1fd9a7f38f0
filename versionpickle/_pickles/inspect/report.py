"""Report the contents of a pickle without importing, building or calling anything."""

from __future__ import annotations

import os
import pickle

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from versionpickle._classes.named_sets import cures_of
from versionpickle._classes.reviving import checked_claim
from versionpickle._pickles.build.finder import Finder, today
from versionpickle._pickles.load.foreign_bytes import recognised
from versionpickle._pickles.load.refusals import is_no_class
from versionpickle._pickles.machine.machine import Machine
from versionpickle._pickles.machine.source import Source
from versionpickle._pickles.machine.stack import Stack
from versionpickle._wire.calls import WIRE_REFS
from versionpickle._wire.refs import own_ref, public, shortened
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import (
    DamagedError,
    StampError,
    VersionPickleError,
)
from versionpickle.migrations import Converted, Declaration, Registry
from versionpickle.migrations._registry import checked_registry

from .upgrade_paths import FoundClass, UpgradePaths


@public("versionpickle")
@attrs.frozen
class Report:
    """
    What is in a pickle.

    *names* are the other things that it names, *refused* those that a default
    load would refuse, with the line that would admit them, and *notes* what is odd.
    """

    protocol: int
    """What the pickle announces; those of protocols 0 and 1 announce nothing, and count as 0."""

    size: int
    classes: tuple[FoundClass, ...]
    names: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"protocol {self.protocol}, {self.size} bytes"
        for found in self.classes:
            version = "unstamped" if found.version is None else f"version {found.version}"
            yield f"{found.ref}, {version}: {found.count} objects with {_listed(found.fields)}"
            yield from (f"    {step}" for step in found.steps)
            if found.problem:
                yield f"    {found.problem}"
        yield from (f"names {name}" for name in self.names)
        yield from (f"refused {ref}: {cure}" for ref, cure in self.refused)
        yield from (f"note: {note}" for note in self.notes)


def inspect(
    data: bytes | bytearray | memoryview,
    *,
    registry: Registry | None = None,
    encoding: str = "latin1",
) -> Report:
    """
    Return what is in a pickle: classes, versions, fields, and what a load would make of it.

    Nothing is imported, built or called.
    Names of Python 2 are shown as they are called today, and its strings, such as names of
    fields, are decoded by *encoding*; the default one decodes any bytes.

    >>> import pickle, versionpickle
    >>> report = versionpickle.inspect(pickle.dumps([1, len]))
    >>> report.refused
    (('builtins:len', "versionpickle.allow('builtins:len')"),)
    """
    if isinstance(data, str | os.PathLike):
        raise TypeError(
            f"inspect() takes the bytes of a pickle, not {shortened(data)}; for a file, pass "
            "pathlib.Path(...).read_bytes()"
        )
    known = checked_registry(registry)
    survey_of = survey(bytes(memoryview(data)), known, encoding=encoding)
    return Reporting(survey_of, known).report()


@attrs.define(eq=False)
class _NameCount:
    ref: str
    count: int = 0
    is_class: bool = False
    fields: dict[str, None] = attrs.field(factory=dict)


@attrs.define(eq=False)
class _StampCount:
    claim: Claim
    count: int = 0


@attrs.define(eq=False)
class _Object:
    """Represent all objects that stamp name or stamp makes."""

    maker: Any


class _Container:
    """Represent a dict."""

    __slots__ = ("_others", "_taken", "_taker", "keys")
    kind = "dict"

    def __init__(self) -> None:
        self.keys: list[Any] | tuple[()] = ()
        self._taker: object = None
        self._taken = 0
        self._others: dict[int, int] | None = None
        """How many keys the others have taken, by id: hardly any dict has more than one taker."""

    def new_to(self, taker: object) -> Sequence[Any]:
        """Return the keys that *taker* has not taken yet, however often it is given this dict."""
        count = len(self.keys)
        if self._taker is None or self._taker is taker:
            self._taker, taken, self._taken = taker, self._taken, count
        else:
            self._others = self._others or {}
            taken = self._others.get(id(taker), 0)
            self._others[id(taker)] = count
        return self.keys[taken:]


@attrs.frozen
class _WithoutKeys:
    """Represent all lists, or all sets."""

    kind: str


_LIST, _SET, _FROZENSET = map(_WithoutKeys, ("list", "set", "frozenset"))


_SLACK = 10_000
_CHARACTERS = 16
"""How many characters of the name of an attribute count as one name of a field."""


class Surveyor:
    """Count what a pickle of *size* bytes makes."""

    packs_plainly = True

    def __init__(self, registry: Registry, size: int) -> None:
        self._registry = registry
        self._room = size + _SLACK
        """How many names may still be looked at, however often the pickle refers to the same."""

        self.names: dict[str, _NameCount] = {}
        self.stamps: dict[Any, _StampCount] = {}
        self.outside: dict[str, None] = {}
        self._objects: dict[int, _Object] = {}

    def find(self, module: str, name: str) -> Any:
        ref = ":".join(today(module, name))
        if self._registry.resolve(ref) is None and (own := own_ref(ref)) is not None:
            ref = ref if self._registry.resolve(own) is None else own
        return self.names.setdefault(ref, _NameCount(ref))

    def find_persistent(self, key: Any) -> Any:
        self.outside["it refers to objects outside, by persistent ids"] = None
        return None

    def find_extension(self, code: int) -> Any:
        self.outside["it refers to names by extension codes"] = None
        return None

    def next_buffer(self) -> Any:
        self.outside["it refers to buffers outside"] = None
        return None

    def read_only(self, buffer: Any) -> Any:
        return buffer

    def named_apart(self) -> tuple[list[str], list[str]]:
        """Return the names that made objects, and those that did not."""
        made = [name.ref for name in self.names.values() if name.count]
        others = [name.ref for name in self.names.values() if not name.count]
        return [*filter(_is_telling, made)], [*filter(_is_telling, others)]

    def call(self, function: Any, args: Any) -> Any:
        if type(function) is _StampCount:
            return self._made(function)
        if type(function) is _NameCount:
            if function.ref == "versionpickle:_revive":
                return self._stamp(args)
            if function.ref == "builtins:getattr" and type(args) is tuple and len(args) == 2:
                return self._attribute(*args)
            return self._made(_maker(function, args))
        return None

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        if type(cls) is not _NameCount:
            return None
        cls.is_class = True
        return self._made(cls)

    def _attribute(self, owner: Any, name: Any) -> Any:
        """Note the ref of what a class, or the class of an object, holds."""
        if type(name) is not str:
            return None
        maker = owner.maker if type(owner) is _Object else owner
        if type(maker) is _StampCount:
            declaration = self._registry.named(maker.claim.ref)
            ref = maker.claim.ref if declaration is None else declaration.ref
        else:
            kind = getattr(owner, "kind", type(owner).__name__)
            ref = maker.ref if type(maker) is _NameCount else f"builtins:{kind}"
        if is_no_class(ref):
            return None
        self._spend((len(ref) + len(name)) // _CHARACTERS)
        return self.names.setdefault(f"{ref}.{name}", _NameCount(f"{ref}.{name}"))

    def _made(self, maker: Any) -> Any:
        maker.count += 1
        made = self._objects.get(id(maker))
        if made is None:
            made = self._objects[id(maker)] = _Object(maker)
        return made

    def _stamp(self, args: Any) -> Any:
        self._spend(sum(map(_length, args)) if type(args) is tuple else 0)
        claim = _claim(args)
        if claim is None:
            self.outside[
                f"a stamp holds {shortened(args)}, which is not the description of a class"
            ] = None
            return None
        return self.stamps.setdefault(claim, _StampCount(claim))

    def build(self, obj: Any, state: Any) -> Any:
        if type(obj) is _Object and type(obj.maker) is _NameCount:
            obj.maker.is_class = True
            for part in state if type(state) is tuple else (state,):
                if type(part) is _Container:
                    self._take_names(obj.maker, part)
        return obj

    def _take_names(self, maker: _NameCount, attributes: _Container) -> None:
        keys = attributes.new_to(maker)
        self._spend(len(keys))
        maker.fields.update(dict.fromkeys(key for key in keys if type(key) is str))

    def _spend(self, names: int) -> None:
        self._room -= names
        if self._room < 0:
            raise DamagedError("it describes objects with more names than it has bytes")

    def pack(self, items: list[Any]) -> Any:
        return tuple(items)

    def dropped(self) -> None:
        """Count it: it was made all the same."""

    def new_list(self, items: list[Any]) -> Any:
        return _LIST

    def new_frozenset(self, items: list[Any]) -> Any:
        return _FROZENSET

    def new_set(self) -> Any:
        return _SET

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        made = _Container()
        self.update(made, pairs)
        return made

    def extend(self, obj: Any, items: list[Any]) -> None:
        pass

    add = extend

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        if type(obj) is _Container:
            if not obj.keys:
                obj.keys = []  # not before: a pickle may hold very many that stay empty
            obj.keys += [key for key, _ in pairs]


@attrs.frozen
class Survey:
    """What a surveyor has counted in stamp pickle."""

    data: bytes
    end: int
    """The index of the first byte after the pickle."""

    memo: dict[int, Any]
    surveyor: Surveyor


_NO_MEMO: dict[int, Any] = {}


def survey(
    data: bytes,
    registry: Registry,
    *,
    start: int = 0,
    memo: dict[int, Any] = _NO_MEMO,
    encoding: str = "latin1",
) -> Survey:
    """Count what the pickle makes that begins at *start*, where the memo holds this already."""
    source = Source(data, encoding="latin1" if encoding == "bytes" else encoding)
    source.position = start
    stack = Stack(source)
    stack.memo |= memo
    surveyor = Surveyor(registry, len(data))
    try:
        Machine(source, surveyor, stack).run()
    except VersionPickleError as exc:
        raise (None if start else recognised(data)) or exc from exc.__cause__
    except Exception as exc:
        problem = f"{type(exc).__name__} at byte {source.at}: {exc}"
        raise (None if start else recognised(data)) or DamagedError(problem) from exc
    return Survey(data, source.position, stack.memo, surveyor)


def _length(part: Any) -> int:
    return len(part) if type(part) is tuple else 0


def _maker(function: _NameCount, args: Any) -> Any:
    """Return the class that a reconstructor is given, or what is called itself."""
    if function.ref == "collections:defaultdict":  # which keeps the class that it is given
        return function
    if type(args) is tuple and args and type(args[0]) in {_NameCount, _StampCount}:
        return args[0]
    return function


def _claim(args: Any) -> Claim | None:
    try:
        number, ref, *rest = args
        return checked_claim(ref, number, *rest)
    except (TypeError, ValueError, StampError):
        return None


_OF_EVERY_PICKLE = WIRE_REFS | {
    "copyreg:_reconstructor",
    "copyreg:__newobj__",
    "copyreg:__newobj_ex__",
    "builtins:object",
}
"""What pickles name for pickle's own sake, or for ours."""


def _is_telling(ref: str) -> bool:
    return ref not in _OF_EVERY_PICKLE


class Reporting:
    """Compare what was found with what is declared."""

    def __init__(self, survey: Survey, registry: Registry) -> None:
        self._survey = survey
        self._found = survey.surveyor
        self._registry = registry
        self._finder = Finder(registry)
        self._paths = UpgradePaths(registry)

    def report(self) -> Report:
        found = self._found
        data, end = self._survey.data, self._survey.end
        named = [name for name in found.names.values() if _is_telling(name.ref)]
        notes = list(found.outside)
        if end != len(data):
            notes.append(f"{len(data) - end} bytes follow after its end")
        return Report(
            protocol=data[1] if data[:1] == pickle.PROTO else 0,
            size=len(data),
            classes=(
                *(
                    self._paths.stamped(stamp.claim, stamp.count)
                    for stamp in found.stamps.values()
                ),
                *(
                    self._paths.unstamped(name.ref, name.count, tuple(name.fields))
                    for name in named
                    if name.count and self._is_class(name)
                ),
            ),
            names=tuple(n.ref for n in named if not (n.count and self._is_class(n))),
            refused=tuple(self._refused(named)),
            notes=tuple(notes),
        )

    def _is_class(self, name: _NameCount) -> bool:
        return name.is_class or isinstance(
            self._registry.resolve(name.ref), Declaration | Converted
        )

    def _refused(self, named: list[_NameCount]) -> Iterator[tuple[str, str]]:
        for name in named:
            module, _, qualname = name.ref.partition(":")
            if not self._finder.admits(module, qualname):
                yield name.ref, _cure(name.ref)


def _cure(ref: str) -> str:
    """Return the line that would admit a name, as an error of a load has it."""
    (given,) = cures_of([ref])
    return f"versionpickle.allow({given!r})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "no named fields"
