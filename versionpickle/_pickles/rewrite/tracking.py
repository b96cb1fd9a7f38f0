"""Track the stamps that a dump writes, so that its manifest needs no second reading."""

from __future__ import annotations

import copyreg
import pickle
import pickletools
import re
import sys

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from versionpickle._classes.placeholder import WRITTEN
from versionpickle._classes.reviving import revive
from versionpickle._pickles.dump.pickler import dumps
from versionpickle._wire.calls import WIRE_REFS
from versionpickle._wire.refs import look_up
from versionpickle._wire.stamp import NOTES, Stamp
from versionpickle.migrations import Declaration, Registry

from .manifest import Manifest


if TYPE_CHECKING:
    from versionpickle._pickles.dump.downgrade import Versions


PROTOCOL = 5
"""The protocol of what is tracked: one that each supported CPython reads."""


Tracked: TypeAlias = tuple[Stamp | str, ...]
"""What was written while an object was dumped: stamps, and the refs next to them."""


def manifest_of_tracked(tracked: Tracked, registry: Registry) -> Manifest:
    """Return what they come to: what is declared is stamped, so its name only refers to it."""
    names = [part for part in tracked if isinstance(part, str)]
    named = [name for name in names if isinstance(registry.resolve(name), Declaration)]
    made = [name for name in names if name not in named]
    return Manifest((part.claim for part in tracked if isinstance(part, Stamp)), made, named)


def dumps_tracked(
    obj: Any, *, registry: Registry | None = None, versions: Versions | None = None
) -> tuple[bytes, Tracked]:
    """Return the pickle of *obj*, and what is in it."""
    ((data,), (tracked,)) = dumps_tracked_of([obj], registry=registry, versions=versions)
    return data, tracked


def dumps_tracked_of(
    objs: Iterable[Any],
    *,
    much: int = sys.maxsize,
    registry: Registry | None = None,
    versions: Versions | None = None,
) -> tuple[list[bytes], list[Tracked]]:
    """Return that of many objects; no more of them are taken when they come to *much* bytes."""
    is_plain = versions is None and (registry is None or not registry.reducers)
    pickles: list[bytes] = []
    found: list[Tracked] = []
    placeholders = WRITTEN.count
    size = 0
    with track_stamps() as stamps:
        for obj in objs:
            stamps.clear()
            try:
                data = pickle.dumps(obj, PROTOCOL) if is_plain else b""
            except Exception:  # noqa: BLE001 - our own pickler finds out why
                data = b""
            if not data or WRITTEN.count != placeholders:
                stamps.clear()
                data = dumps(obj, PROTOCOL, registry=registry, versions=versions)
                placeholders = WRITTEN.count
            pickles.append(data)
            found.append(tracked_in(data, stamps))
            size += len(data)
            if size >= much:
                break
    return pickles, found


class track_stamps:  # noqa: N801 - as contextlib's, which takes three times as long
    """Collect the stamps that are written in a block."""

    def __enter__(self) -> list[Stamp]:
        self._before = NOTES.stamps
        found: list[Stamp] = []
        NOTES.stamps = found
        return found

    def __exit__(self, *_: object) -> None:
        NOTES.stamps = self._before


def tracked_in(data: bytes, stamps: list[Stamp]) -> Tracked:
    """Return what is in a pickle that was written with these stamps."""
    if data.startswith(_OURS, _OURS_AT) and not _REGISTERED:
        is_alone = data.find(_NAMES, _BEHIND_OURS) < 0
    else:
        is_alone = not _namings(data)  # the stamps may be those of pickles within it
    return tuple(stamps) if is_alone else (*stamps, *_names_beside(data))


_EXTENSION_CODES = (pickle.EXT1, pickle.EXT2, pickle.EXT4)
_REGISTERED: dict[Any, Any] = copyreg._extension_registry  # type: ignore[attr-defined] # pickle's own
_FRAMES_FROM = 1 << 16
_NAMES = pickle.STACK_GLOBAL
_NAMED_PLAINLY = _NAMES + pickle.MEMOIZE
_OURS = pickle.dumps(revive, PROTOCOL)[11:-2]
"""How the name of what makes stamps begins a pickle, behind PROTO and FRAME."""

_OURS_AT = 11
_BEHIND_OURS = _OURS_AT + len(_OURS)
_NAMING = re.compile(rb"\x93(?:\x95.{8})?\x94", re.DOTALL)
"""How picklers name something: STACK_GLOBAL and MEMOIZE, between which a frame may begin."""


def _namings(data: bytes) -> int:
    """Return how many places of *data* may name something: at least as many as do."""
    if len(data) < _FRAMES_FROM:
        found = data.count(_NAMED_PLAINLY)
    else:
        found = sum(1 for _ in _NAMING.finditer(data))
    return found + sum(map(data.count, _EXTENSION_CODES)) if _REGISTERED else found


_SPELLED = pickle.SHORT_BINUNICODE
_NAMED = pickle.MEMOIZE + pickle.STACK_GLOBAL + pickle.MEMOIZE

_SPELLINGS_MAX = 4096
_SPELLING_MAX = 4096
"""How many bytes one of them may have."""

_spellings: dict[tuple[bytes, ...], tuple[str, ...]] = {}


def _names_beside(data: bytes) -> tuple[str, ...]:
    """
    Return the names that are not ours.

    Pickles of one kind spell the same names, so they are read opcode by opcode once, unless
    the spelling leaves open which module is meant.
    """
    spelling = _spelling(data)
    if spelling in _spellings and len(spelling) == 2 * _namings(data):
        return _spellings[spelling]
    found = names_in(data)
    names = tuple(dict.fromkeys(name for name in found if name not in WIRE_REFS))
    is_short = sum(map(len, spelling)) <= _SPELLING_MAX
    if is_short and len(spelling) == 2 * len(found) and _are_unmistakable(names):  # no codes
        if len(_spellings) >= _SPELLINGS_MAX:
            _spellings.clear()
        _spellings[spelling] = names
    return names


def _spelling(data: bytes) -> tuple[bytes, ...]:
    """Return modules and names, each with what counts its bytes; no module if it is known."""
    spelling: list[bytes] = []
    for part in data.split(_NAMED)[:-1]:
        rest, _, name = part.rpartition(_SPELLED)
        is_known = rest[-2:-1] == pickle.BINGET
        spelling += (b"" if is_known else rest.rpartition(_SPELLED)[2], name)
    return tuple(spelling)


def _are_unmistakable(names: Iterable[str]) -> bool:
    """Return whether no two of the modules have something of one of these names."""
    modules = {name.partition(":")[0] for name in names}
    return all(
        sum(_is_there(f"{module}:{name.partition(':')[2]}") for module in modules) == 1
        for name in names
    )


def _is_there(ref: str) -> bool:
    try:
        look_up(ref)
    except LookupError:
        return False
    return True


def _opcodes(*names: str) -> frozenset[int]:
    return frozenset(getattr(pickle, name)[0] for name in names)


_TEXTS = _opcodes("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_GETS = _opcodes("BINGET", "LONG_BINGET")
_EXTENSIONS = _opcodes("EXT1", "EXT2", "EXT4")
_MEMOIZE, _FRAME, _NAME = (
    getattr(pickle, name)[0] for name in ("MEMOIZE", "FRAME", "STACK_GLOBAL")
)
_COUNTS = {
    opcode.code.encode("latin1")[0]: {-2: 1, -3: 4, -4: 4, -5: 8}[opcode.arg.n]
    for opcode in pickletools.opcodes
    if opcode.arg is not None and opcode.arg.n < -1
}
"""How many bytes hold the number of those that follow."""

_SIZES = {
    opcode.code.encode("latin1")[0]: opcode.arg.n
    for opcode in pickletools.opcodes
    if opcode.arg is not None and opcode.arg.n > 0
}


def names_in(data: bytes) -> list[str]:
    """
    Return the refs that a pickle of protocol 4 or 5 names.

    >>> names_in(pickle.dumps([len, pickle.PickleBuffer], 5))
    ['builtins:len', 'pickle:PickleBuffer']
    """
    found: list[str] = []
    memo: list[str | None] = []
    before: str | None = None
    last: str | None = None
    position, end = 0, len(data)
    while position < end:
        opcode = data[position]
        start = position = position + 1
        if opcode == _MEMOIZE:
            memo.append(last)
            continue
        if opcode in _COUNTS:
            start += _COUNTS[opcode]
            position = start + int.from_bytes(data[position:start], "little")
        elif opcode in _SIZES:
            position += _SIZES[opcode]
            if opcode == _FRAME:
                continue
        elif opcode == _NAME:
            found.append(f"{before}:{last}")
        read = data[start:position]
        before = last
        if opcode in _TEXTS:
            last = str(read, "utf-8", "surrogatepass")
        elif opcode in _GETS:
            last = memo[int.from_bytes(read, "little")]
        elif opcode in _EXTENSIONS:
            found.append(":".join(_extension(int.from_bytes(read, "little"))))
            last = None
        else:
            last = None
    return found


def _extension(code: int) -> tuple[str, str]:
    known: tuple[str, str] = copyreg._inverted_registry[code]  # type: ignore[attr-defined] # pickle's own
    return known
