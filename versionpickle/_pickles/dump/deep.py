"""Write pickles of any depth with a loop instead of recursion."""

from __future__ import annotations

import collections
import copyreg
import functools
import itertools
import pickle
import sys
import types

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from versionpickle._classes.placeholder import Placeholder, is_placeholder, placeholder_class
from versionpickle._pickles.path import (
    ARGS,
    FUNCTION,
    INDEX,
    KEY,
    MEMBER,
    NEW_ARGS,
    SETTER,
    STATE,
    PathStep,
    holder_of,
    name_of_root,
    path_of,
)
from versionpickle.exceptions import PicklingError


Steps: TypeAlias = Iterator[tuple[str, Any, Any]]

_PythonPickler: Any = vars(pickle)["_Pickler"]  # its stubs leave it out
_BATCH = 1000
_REDUCED_MAX = 8
"""pickle itself ends such a cycle at the second turn, where a list or dict is part of it."""

DEPTH_MAX = 20_000_000
"""How deep objects may be nested: more than that were made without end."""


class DeepPickler(_PythonPickler):  # type: ignore[misc] # its base is untyped
    """
    Write what `pickle.Pickler` would, however deep.

    The objects on the way wait in a list, not on the stack of the interpreter;
    it is some 20 times slower.
    """

    # dill puts functions of its own into the table of pickle, for the whole process.
    dispatch: Any = {  # noqa: RUF012 - it is read only
        **{
            cls: save
            for cls, save in _PythonPickler.dispatch.items()
            if save.__module__ == "pickle"
        },
        type: _PythonPickler.save_type,
        types.FunctionType: _PythonPickler.save_global,
    }

    def __init__(self, file: Any, protocol: int | None = None, **settings: Any) -> None:
        super().__init__(file, protocol, **settings)
        self._open: list[Steps] = []
        """The parts to come of each object that is being written."""

        self._way: list[tuple[str, Any, Any] | None] = []
        """The step to the part of it that is being written."""

        self._reducing: collections.Counter[int] = collections.Counter()
        """How often each object is on the way, before it has a place in the memo."""

        self.is_asking = False
        """Whether code of the caller runs, such as ``persistent_id``, and not that of a class."""

        self.has_named_the_past = False
        """Whether it wrote the name of a class that is gone, which C's pickler cannot."""

        self._root: Any = None

    def dump(self, obj: Any) -> None:
        self._root = obj
        super().dump(obj)

    @property
    def path(self) -> str | None:
        """The way to the object that is being written; None if it is the outermost one."""
        steps = self._steps()
        on_the_way = [self._root, *(step.child for step in steps)]
        current = on_the_way[-1]
        places = [place for place, obj in enumerate(on_the_way) if obj is current]
        if len(places) > 2:  # once round the cycle is enough
            steps = steps[: places[1]]
        elif isinstance(current, type):  # which refers to objects of its own
            places = [place for place, obj in enumerate(on_the_way) if type(obj) is current]
            steps = steps[: places[-1]] if places else steps
        return path_of(name_of_root(type(self._root).__name__), steps)

    @property
    def current(self) -> Any:
        """The object that is being written."""
        steps = self._steps()
        return steps[-1].child if steps else self._root

    @property
    def holder(self) -> tuple[Any, str] | None:
        """The last object on the way that has attributes, and the attribute that leads on."""
        return holder_of(self._root, self._steps())

    def _steps(self) -> list[PathStep]:
        return [PathStep(*step) for step in self._way if step is not None]

    # The loop

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:  # noqa: FBT002 - its name and its place are the base's
        """Write *obj* and all that it consists of."""
        waiting, way = self._open, self._way
        bottom = len(waiting)
        self._begin(obj, persistent=save_persistent_id)
        while len(waiting) > bottom:
            way[-1] = None
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                way.pop()
            else:
                way[-1] = step
                self._begin(step[2])

    def _begin(self, obj: Any, *, persistent: bool = True) -> None:
        """Write *obj* if it has no parts, and let it wait for its parts otherwise."""
        self.framer.commit_frame()
        if persistent:
            self.is_asking = True
            key = self.persistent_id(obj)
            if key is not None:
                self.save_pers(key)
            self.is_asking = False
            if key is not None:
                return
        cls = type(obj)
        if cls in _UNKNOWN_TO_MEMO:
            self.dispatch[cls](self, obj)
            return
        known = self.memo.get(id(obj))
        if known is not None:
            self.write(self.get(known[0]))
            return
        steps = self._parts(obj, cls)
        if steps is not None:
            if len(self._open) >= DEPTH_MAX:
                raise PicklingError(
                    f"more than {DEPTH_MAX:,} objects are nested; a __reduce__ that "
                    "makes new objects each time never ends"
                )
            self._open.append(steps)
            self._way.append(None)

    def _parts(self, obj: Any, cls: type) -> Steps | None:
        container = _CONTAINERS.get(cls)
        if container is not None:
            return container(self, obj)
        if cls in _ATOMS:
            self.is_asking = cls is pickle.PickleBuffer
            self.dispatch[cls](self, obj)
            self.is_asking = False
            return None
        reduced = self._reduce(obj, cls)
        if reduced is _WRITTEN:
            return None
        if isinstance(reduced, str):
            self.save_global(obj, reduced)
            return None
        return self._reduction(obj, *_checked(obj, reduced))

    def _reduce(self, obj: Any, cls: type) -> Any:
        """Return what *obj* reduces to; what has a name is written by it."""
        override = getattr(self, "reducer_override", _no_override)
        self.is_asking = True
        reduced = override(obj)
        self.is_asking = False
        if reduced is not NotImplemented:
            return reduced
        if cls in self.dispatch:  # functions and classes
            self.dispatch[cls](self, obj)
            return _WRITTEN
        try:
            reducer = getattr(self, "dispatch_table", copyreg.dispatch_table)[cls]
        except LookupError:
            pass
        else:
            return reducer(obj)
        if issubclass(cls, type):
            self.save_global(obj)
            return _WRITTEN
        if issubclass(cls, Placeholder):
            return obj.reduce_by_name(self.proto)
        return obj.__reduce_ex__(self.proto)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write *obj* by its name; a class that is gone, by the one that it had."""
        if is_placeholder(obj) and obj.ref:
            self.has_named_the_past = True
            self._save_ref(obj, *map(sys.intern, obj.ref.split(":")))
        else:
            super().save_global(obj, name)

    def _save_ref(self, obj: Any, module: str, name: str) -> None:
        outer, _, last = name.rpartition(".")
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        elif outer:
            self.save(getattr)
            self.save((placeholder_class(f"{module}:{outer}"), last))
            self.write(pickle.REDUCE)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    # Parts

    def _tuple(self, obj: tuple[Any, ...]) -> Steps:
        if not obj:
            self.write(pickle.EMPTY_TUPLE if self.bin else pickle.MARK + pickle.TUPLE)
            return
        has_mark = len(obj) > len(_SHORT_TUPLES) or self.proto < 2
        if has_mark:
            self.write(pickle.MARK)
        for number, item in enumerate(obj):
            yield INDEX, number, item
        if id(obj) in self.memo:  # by way of a cycle, it was written meanwhile
            self._take_back(obj, len(obj) + has_mark)
            return
        self.write(pickle.TUPLE if has_mark else _SHORT_TUPLES[len(obj) - 1])
        self.memoize(obj)

    def _take_back(self, obj: Any, count: int) -> None:
        self.write(pickle.POP * count + self.get(self.memo[id(obj)][0]))

    def _list(self, obj: list[Any]) -> Steps:
        self.write(pickle.EMPTY_LIST if self.bin else pickle.MARK + pickle.LIST)
        self.memoize(obj)
        return self._items(obj)

    def _items(self, items: Iterable[Any]) -> Steps:
        remaining = iter(items)
        size = _BATCH if self.bin else 1
        done = 0
        while batch := list(itertools.islice(remaining, size)):
            self._mark(batch)
            for number, item in enumerate(batch, done):
                yield INDEX, number, item
            self.write(pickle.APPENDS if len(batch) > 1 else pickle.APPEND)
            done += len(batch)

    def _mark(self, batch: list[Any]) -> None:
        if len(batch) > 1:
            self.write(pickle.MARK)

    def _dict(self, obj: dict[Any, Any]) -> Steps:
        self.write(pickle.EMPTY_DICT if self.bin else pickle.MARK + pickle.DICT)
        self.memoize(obj)
        return self._pairs(obj.items())

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> Steps:
        remaining = iter(pairs)
        size = _BATCH if self.bin else 1
        done = 0
        while batch := list(itertools.islice(remaining, size)):
            self._mark(batch)
            for number, pair in enumerate(batch, done):
                key, value = _checked_pair(pair)
                yield MEMBER, number, key
                yield KEY, key, value
            self.write(pickle.SETITEMS if len(batch) > 1 else pickle.SETITEM)
            done += len(batch)

    def _set(self, obj: set[Any]) -> Steps:
        if self.proto < 4:
            return self._reduction(obj, set, (list(obj),))
        self.write(pickle.EMPTY_SET)
        self.memoize(obj)
        return self._members(obj)

    def _members(self, obj: set[Any]) -> Steps:
        remaining = enumerate(obj)
        while batch := list(itertools.islice(remaining, _BATCH)):
            self.write(pickle.MARK)
            for number, member in batch:
                yield MEMBER, number, member
            self.write(pickle.ADDITEMS)

    def _frozenset(self, obj: frozenset[Any]) -> Steps:
        if self.proto < 4:
            yield from self._reduction(obj, frozenset, (list(obj),))
            return
        self.write(pickle.MARK)
        for number, member in enumerate(obj):
            yield MEMBER, number, member
        if id(obj) in self.memo:
            self.write(pickle.POP_MARK + self.get(self.memo[id(obj)][0]))
            return
        self.write(pickle.FROZENSET)
        self.memoize(obj)

    def _reduction(
        self,
        obj: Any,
        function: Any,
        args: tuple[Any, ...],
        state: Any = None,
        items: Any = None,
        pairs: Any = None,
        setter: Any = None,
    ) -> Steps:
        self._reducing[id(obj)] += 1
        if self._reducing[id(obj)] > _REDUCED_MAX:
            raise pickle.PicklingError("it is part of what it is made from, without end")
        yield from self._call(obj, function, args)
        del self._reducing[id(obj)]
        if id(obj) in self.memo:
            self._take_back(obj, 1)
        else:
            self.memoize(obj)
        if items is not None:
            yield from self._items(items)
        if pairs is not None:
            yield from self._pairs(pairs)
        if state is None:
            return
        if setter is None:
            yield STATE, None, state
            self.write(pickle.BUILD)
            return
        yield SETTER, None, setter
        self.write(self.get(self.memo[id(obj)][0]))
        yield STATE, None, state
        self.write(pickle.TUPLE2 + pickle.REDUCE + pickle.POP)

    def _call(self, obj: Any, function: Any, args: tuple[Any, ...]) -> Steps:
        """Write what makes *obj*, with the opcodes for ``__new__`` where they serve."""
        name = getattr(function, "__name__", "")
        opcode = pickle.REDUCE
        kind = ARGS
        parts: tuple[Any, ...] = (args,)
        if name in {"__newobj__", "__newobj_ex__"} and self.proto >= 2:
            args = _checked_arguments(name, args)
        if name == "__newobj__" and self.proto >= 2:
            function, kind, parts = args[0], NEW_ARGS, (args[1:],)
            opcode = pickle.NEWOBJ
            _check_class(obj, function)
        elif name == "__newobj_ex__" and self.proto >= 2:
            cls, positional, keywords = args
            _check_class(obj, cls)
            if self.proto >= 4:
                function, opcode = cls, pickle.NEWOBJ_EX
                parts = (positional, keywords)
            else:
                function = functools.partial(cls.__new__, cls, *positional, **keywords)
                parts = ((),)
        yield FUNCTION, None, function
        for part in parts:
            yield kind, function, part
        self.write(opcode)


_WRITTEN = object()
_SHORT_TUPLES = (pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
_UNKNOWN_TO_MEMO = frozenset({type(None), bool, int, float})
_ATOMS = frozenset({bytes, str, bytearray, pickle.PickleBuffer})
_CONTAINERS: dict[type, Callable[[DeepPickler, Any], Steps]] = {
    tuple: DeepPickler._tuple,
    list: DeepPickler._list,
    dict: DeepPickler._dict,
    set: DeepPickler._set,
    frozenset: DeepPickler._frozenset,
}


def _no_override(obj: Any) -> Any:
    return NotImplemented


def _checked(obj: Any, reduced: Any) -> tuple[Any, ...]:
    """Return what *obj* reduces to, if it is what C's pickler takes."""
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
        raise pickle.PicklingError(
            f"__reduce__ must return a string or a tuple of two to six items, not {reduced!r}"
        )
    function, args, _, items, pairs, setter = (*reduced, *[None] * 4)[:6]
    if not callable(function) or not isinstance(args, tuple):
        raise pickle.PicklingError(
            f"__reduce__ must return a callable and a tuple, not {function!r} and {args!r}"
        )
    for part in (items, pairs):
        if part is not None and not hasattr(part, "__next__"):
            raise pickle.PicklingError(
                f"__reduce__ must return its items as an iterator, not {part!r}"
            )
    if setter is not None and not callable(setter):
        raise pickle.PicklingError(
            f"__reduce__ must return a callable that sets the state, not {setter!r}"
        )
    return reduced


def _checked_pair(pair: Any) -> tuple[Any, Any]:
    if isinstance(pair, tuple) and len(pair) == 2:
        return pair
    raise pickle.PicklingError(f"__reduce__ must return its dict items as pairs, not {pair!r}")


def _checked_arguments(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the class, and the arguments of its ``__new__``."""
    kinds = [type] if name == "__newobj__" else [type, tuple, dict]
    if len(args) < len(kinds) or not all(map(isinstance, args, kinds)):
        raise pickle.PicklingError(f"__reduce__ must not call {name} with {args!r}")
    return args


def _check_class(obj: Any, cls: Any) -> None:
    if cls is not obj.__class__:
        raise pickle.PicklingError(f"__reduce__ must not make an object of another class, {cls!r}")
