"""The public functions that create operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from versionpickle._wire.refs import checked_ref, checked_version, ref_of

from ._endings import Become, Replace
from ._naming import NameArguments, NameItems, NamePositions
from ._operations import (
    Add,
    AddMissing,
    Convert,
    Merge,
    Move,
    Operation,
    Remove,
    Rename,
    Reorder,
    Require,
    Split,
)


_NOTHING: Any = object()
"""An argument that was not passed."""


def rename(old: str, new: str) -> Operation:
    """
    Give the field *old* the name *new*.

    >>> from versionpickle.migrations import rename
    >>> rename("total", "amount")
    rename('total', 'amount')
    """
    return Rename(_checked(old), _checked(new))


def add(
    name: str,
    value: Any = _NOTHING,
    *,
    factory: Callable[[], Any] | None = None,
    compute: Callable[[dict[str, Any]], Any] | None = None,
    exist_ok: bool = False,
) -> Operation:
    """
    Add a field with a *value*, with what *factory* returns, or with what *compute* returns.

    *compute* gets a dict of the existing fields.
    If the field exists already, that is an error; with *exist_ok* it stays as it is.
    All upgraded objects share *value*, so a list, dict or anything else without a hash is
    refused: pass its *factory*.

    >>> from versionpickle.migrations import add
    >>> add("currency", "USD"), add("tags", factory=list)
    (add('currency', 'USD'), add('tags', factory=list))
    """
    if [value is not _NOTHING, factory is not None, compute is not None].count(True) != 1:
        raise TypeError(
            f"add({name!r}, ...) takes exactly one of a value, factory= and compute=; for None, "
            f"write add({name!r}, None)"
        )
    if compute is not None and not callable(compute):
        raise TypeError(f"add({name!r}) takes a function for compute=, not {compute!r}")
    _check_source(f"add({name!r}", "", value, factory)
    constant = None if value is _NOTHING else value
    return Add(_checked(name), constant, factory, compute, exist_ok)


def _check_source(called: str, prefix: str, value: Any, factory: Callable[[], Any] | None) -> None:
    """Refuse a mutable value, which all objects would share, and a factory that is not one."""
    if _is_shared(value):
        kind = type(value).__name__
        argument = f"{prefix.rstrip('_')}={value!r}" if prefix else repr(value)
        raise TypeError(
            f"{called}, {argument}) would give the same {kind} to every object; "
            f"use {called}, {prefix}factory={kind}), or a lambda that returns it"
        )
    if factory is not None and not callable(factory):
        raise TypeError(f"{called}) takes a function for {prefix}factory=, not {factory!r}")


def _is_shared(value: object) -> bool:
    """Whether *value* is mutable, and therefore has no hash."""
    try:
        hash(value)
    except TypeError:
        return True
    return False


def remove(
    *names: str,
    missing_ok: bool = False,
    restore: Any = _NOTHING,
    restore_factory: Callable[[], Any] | None = None,
) -> Operation:
    """
    Drop fields.

    A missing field is an error, unless *missing_ok* is true.
    Where the step is undone, the field gets *restore*, or what *restore_factory* returns.

    >>> from versionpickle.migrations import remove
    >>> remove("cache"), remove("memo", restore="")
    (remove('cache'), remove('memo', restore=''))
    """
    if not names:
        raise TypeError("remove() needs the name of a field")
    checked = tuple(_checked(name) for name in names)
    if restore is _NOTHING and restore_factory is None:
        return Remove(checked, missing_ok)
    if len(checked) > 1:
        raise TypeError("remove() restores one field; write a remove() for each")
    value = None if restore is _NOTHING else restore
    if restore is not _NOTHING and restore_factory is not None:
        raise TypeError(f"remove({checked[0]!r}) takes restore= or restore_factory=, not both")
    _check_source(f"remove({checked[0]!r}", "restore_", value, restore_factory)
    return Remove(checked, missing_ok, Add(checked[0], value, restore_factory))


def convert(
    name: str, function: Callable[[Any], Any], back: Callable[[Any], Any] | None = None
) -> Operation:
    """
    Replace a field's value by what *function* returns for it.

    *back* returns the old value for the new one, where the step is undone.

    >>> from versionpickle.migrations import convert
    >>> convert("amount", float)
    convert('amount', float)
    """
    return Convert(_checked(name), *_functions("convert", name, function, back))


def split(
    name: str,
    into: Iterable[str],
    function: Callable[[Any], Iterable[Any]],
    back: Callable[..., Any] | None = None,
) -> Operation:
    """
    Split one field into several: *function* returns their values in order.

    *back* gets them one by one and returns the old value.

    >>> from versionpickle.migrations import split
    >>> split("name", ("first", "last"), str.split, back=lambda *parts: " ".join(parts))
    split('name', ('first', 'last'), str.split, back=<lambda>)
    """
    functions = _functions("split", name, function, back)
    return Split(_checked(name), _names("split", into), *functions)


def merge(
    names: Iterable[str],
    into: str,
    function: Callable[..., Any],
    back: Callable[[Any], Iterable[Any]] | None = None,
) -> Operation:
    """
    Merge several fields into one: *function* gets their values one by one.

    *back* gets the new value and returns the old ones in order.

    >>> from versionpickle.migrations import merge
    >>> merge(("real", "imag"), "number", complex, back=lambda z: (z.real, z.imag))
    merge(('real', 'imag'), 'number', complex, back=<lambda>)
    """
    functions = _functions("merge", into, function, back)
    return Merge(_names("merge", names), _checked(into), *functions)


def move(old: str, new: str) -> Operation:
    """
    Move a value out of a mapping or object that a field holds, or into it.

    One of the two is a field, the other a path from a field: ``"address.city"``.
    A mapping becomes a new dict and an object a copy, since others may hold the old one.
    A field that the class of an object declares stays in it too, which would be broken
    without it.
    An object in a cycle may not be complete yet, which is an error.

    >>> from versionpickle.migrations import move
    >>> move("address.city", "city"), move("city", "address.city")
    (move('address.city', 'city'), move('city', 'address.city'))
    """
    places = (_checked(old), _checked(new))
    paths = [place.split(".") for place in places]
    if [len(path) > 1 for path in paths].count(True) != 1 or not all(map(all, paths)):
        raise TypeError(
            f"move({old!r}, {new!r}) takes one field, and one path such as 'address.city'; "
            "use rename() from field to field, and two moves from path to path"
        )
    return Move(*places)


def reorder(*names: str) -> Operation:
    """
    Put these fields first, in this order.

    The order matters to a class that declares no fields, or whose own ``__setstate__``
    depends on it.

    >>> from versionpickle.migrations import reorder
    >>> reorder("kind", "value")
    reorder('kind', 'value')
    """
    return Reorder(_names("reorder", names))


def name_positions(*names: str) -> Operation:
    """
    Name the values of a state that was stored as a bare tuple or list.

    It must be the first operation of its step.

    >>> from versionpickle.migrations import name_positions
    >>> name_positions("x", "y")
    name_positions('x', 'y')
    """
    return NamePositions(_names("name_positions", names))


def name_arguments(*names: str) -> Operation:
    """
    Give names to the constructor arguments that an object was stored with.

    The names are those of the parameters, in their order: they are bound as in a call.

    >>> from versionpickle.migrations import name_arguments
    >>> name_arguments("x", "y")
    name_arguments('x', 'y')
    """
    return NameArguments(_names("name_arguments", names))


def name_items(name: str, factory: Callable[[Any], Any] | None = None) -> Operation:
    """
    Give a name to the items that a container stored.

    The field holds a list, or a dict for a mapping; *factory* converts it to something else.
    An empty container stored no items, which gives an empty list.

    >>> from versionpickle.migrations import name_items
    >>> name_items("members"), name_items("prices", dict)
    (name_items('members'), name_items('prices', dict))
    """
    if factory is not None and not callable(factory):
        raise TypeError(f"name_items({name!r}) takes a function of the items, not {factory!r}")
    return NameItems(_checked(name), factory)


def add_missing(factory: Callable[[], Any]) -> Operation:
    """
    Add the fields that a fresh object has, and the state lacks.

    *factory* makes the object, one for each state: today's class, if it can be called
    without arguments.

    >>> from versionpickle.migrations import add_missing
    >>> class Cart:
    ...     def __init__(self):
    ...         self.lines, self.currency = [], "USD"
    >>> add_missing(Cart)
    add_missing(Cart)
    """
    if not callable(factory):
        raise TypeError(f"add_missing() takes a function that makes an object, not {factory!r}")
    return AddMissing(factory)


def require(name: str, check: Callable[[Any], Any], message: str) -> Operation:
    """
    Refuse a state whose field does not pass *check*; the error contains *message*.

    >>> from versionpickle.migrations import require
    >>> require("amount", lambda amount: amount >= 0, "it is negative")
    require('amount', <lambda>, 'it is negative')
    """
    (function, _) = _functions("require", name, check, None)
    if not isinstance(message, str) or not message:
        raise TypeError(f"require({name!r}) takes a message, not {message!r}")
    return Require(_checked(name), function, message)


def become(
    into: Mapping[type | str, int], by: Callable[[Any], type | str] | None = None
) -> Operation:
    """
    Convert objects to other classes.

    *into* maps each class or ref to the version of that class that the state is at.
    If there are several, *by* chooses one: a function of the state.
    It must be the last operation of its step; all references to the old object lead to
    the new one.
    Plain pickle can do this if the classes keep their fields in a ``__dict__``.

    >>> from versionpickle.migrations import become
    >>> become({"shop:Card": 1, "shop:Bank": 2}, by=lambda state: "shop:" + state["kind"])
    become({'shop:Card': 1, 'shop:Bank': 2}, by=<lambda>)
    """
    if not isinstance(into, Mapping) or not into:
        raise TypeError(f"become() takes a dict such as {{Card: 1}}, not {into!r}")
    refs = {ref_of(key) if isinstance(key, type) else checked_ref(key): key for key in into}
    versions = {ref: checked_version(into[key], ref, "into") for ref, key in refs.items()}
    if by is None and len(versions) > 1:
        raise TypeError(
            "become() cannot choose among several classes; pass by=, a function of the state "
            "that returns one of them"
        )
    if by is not None and not callable(by):
        raise TypeError(f"become() takes a function of the state for by=, not {by!r}")
    return Become(versions, by)


def replace(function: Callable[[Any], Any]) -> Operation:
    """
    Replace the object by the value that *function* returns for its state.

    It must be the last operation of its step, and is for classes whose place a type of the
    standard library has taken; all references to the old object lead to the value.
    Plain pickle cannot do this: load with versionpickle's own functions.

    >>> from versionpickle.migrations import replace
    >>> replace(lambda state: complex(state["real"], state["imaginary"]))
    replace(<lambda>)
    """
    if not callable(function):
        raise TypeError(f"replace() takes a function of the state, not {function!r}")
    return Replace(function)


def _functions(word: str, name: object, function: Any, back: Any) -> tuple[Any, Any]:
    if not callable(function):
        raise TypeError(f"{word}({name!r}) takes a function of the value, not {function!r}")
    if back is not None and not callable(back):
        raise TypeError(f"{word}({name!r}) takes a function for back=, not {back!r}")
    return function, back


def _names(word: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"{word}() takes several names, not {names!r}; pass a tuple of them")
    checked = tuple(_checked(name) for name in names)
    if not checked or len(set(checked)) != len(checked):
        raise TypeError(f"{word}() takes several different names, not {checked!r}")
    return checked


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"the name of a field is a str such as 'amount', not {name!r}")
    return name
