"""Kinds of classes that all hold the same two facts, each as it keeps them: 101 and "pear"."""

from __future__ import annotations

import collections
import sys
import textwrap
import types

from typing import Any


FACTS = (101, "pear")

HEAD = """
import collections
import dataclasses
import datetime
import enum
import types
import attrs
import msgspec
import pydantic
import versionpickle
"""

KINDS = {
    "plain": """
        class Thing:
            def __init__(self, a=0, b="nothing"):
                self.a, self.b = a, b
    """,
    "no constructor": """
        class Thing:
            def __init__(self):
                self.a, self.b = 0, "nothing"
    """,
    "slots": """
        class Thing:
            __slots__ = ("a", "b")
            def __init__(self, a=0, b="nothing"):
                self.a, self.b = a, b
    """,
    "attrs": """
        @attrs.define(slots=False)
        class Thing:
            a: object = 0
            b: object = "nothing"
    """,
    "attrs with slots": """
        @attrs.define
        class Thing:
            a: object = 0
            b: object = "nothing"
    """,
    "frozen attrs": """
        @attrs.frozen
        class Thing:
            a: object = 0
            b: object = "nothing"
    """,
    "dataclass": """
        @dataclasses.dataclass
        class Thing:
            a: object = 0
            b: object = "nothing"
    """,
    "frozen dataclass with slots": """
        @dataclasses.dataclass(frozen=True, slots=True)
        class Thing:
            a: object = 0
            b: object = "nothing"
    """,
    "named tuple": """
        class Thing(collections.namedtuple("Thing", "a b", defaults=(0, "nothing"))):
            pass
    """,
    "struct": """
        class Thing(msgspec.Struct):
            a: object = 0
            b: object = "nothing"
    """,
    "pydantic": """
        class Thing(pydantic.BaseModel):
            a: int = 0
            b: str = "nothing"
    """,
    "open model": """
        class Thing(pydantic.BaseModel, extra="allow"):
            a: int = 0
    """,
    "model with a private attribute": """
        class Thing(pydantic.BaseModel):
            a: int = 0
            _b: str = pydantic.PrivateAttr("nothing")
    """,
    "namespace": """
        class Thing(types.SimpleNamespace):
            pass
    """,
    "time zone": """
        class Thing(datetime.tzinfo):
            a, b = 0, "nothing"
    """,
    "user string": """
        class Thing(collections.UserString):
            a = 0
    """,
    "byte array": """
        class Thing(bytearray):
            a, b = 0, "nothing"
    """,
    "list": """
        class Thing(list):
            pass
    """,
    "list with an attribute": """
        class Thing(list):
            b = "nothing"
    """,
    "deque": """
        class Thing(collections.deque):
            pass
    """,
    "dict": """
        class Thing(dict):
            pass
    """,
    "dict with an attribute": """
        class Thing(dict):
            b = "nothing"
    """,
    "ordered dict": """
        class Thing(collections.OrderedDict):
            pass
    """,
    "set": """
        class Thing(set):
            pass
    """,
    "frozenset": """
        class Thing(frozenset):
            pass
    """,
    "tuple": """
        class Thing(tuple):
            pass
    """,
    "str": """
        class Thing(str):
            a = 0
    """,
    "int": """
        class Thing(int):
            b = "nothing"
    """,
    "exception": """
        class Thing(Exception):
            pass
    """,
    "exception with an attribute": """
        class Thing(KeyError):
            b = "nothing"
    """,
    "os error": """
        class Thing(OSError):
            pass
    """,
    "exception with a constructor": """
        class Thing(ValueError):
            def __init__(self, a=0, *, b="nothing"):
                super().__init__(f"{a} of it")
                self.a, self.b = a, b
    """,
    "enum": """
        class Thing(enum.Enum):
            pear = 101
    """,
    "renumbered enum": """
        class Thing(enum.Enum):
            apple = 101
            plum = 7
    """,
    "call": """
        class Thing:
            def __init__(self, a=0, b="nothing"):
                self.a, self.b = a, b
            def __reduce__(self):
                return Thing, (self.a, self.b)
    """,
    "call and state": """
        class Thing:
            def __init__(self, a=0):
                self.a, self.b = a, "nothing"
            def __reduce__(self):
                return Thing, (self.a,), {"b": self.b}
    """,
    "call and items": """
        class Thing:
            def __init__(self):
                self.held = []
            def append(self, item):
                self.held.append(item)
            def __reduce__(self):
                return Thing, (), None, iter(self.held)
    """,
    "new arguments": """
        class Thing:
            b = "nothing"
            def __new__(cls, a=0):
                made = super().__new__(cls)
                made.a = a
                return made
            def __getnewargs__(self):
                return (self.a,)
            def __getstate__(self):
                return {"b": self.b}
    """,
    "new keywords": """
        class Thing:
            b = "nothing"
            def __new__(cls, *, a=0):
                made = super().__new__(cls)
                made.__dict__["a"] = a
                return made
            def __getnewargs_ex__(self):
                return (), {"a": self.a}
    """,
    "new arguments and keywords": """
        class Thing:
            def __new__(cls, a=0, *, b="nothing"):
                made = super().__new__(cls)
                made.__dict__.update(a=a, b=b)
                return made
            def __getnewargs_ex__(self):
                return (self.a,), {"b": self.b}
            def __getstate__(self):
                return None
    """,
    "own tuple state": """
        class Thing:
            a, b = 0, "nothing"
            def __getstate__(self):
                return self.a, self.b
            def __setstate__(self, state):
                self.a, self.b = state
    """,
    "own dict state": """
        class Thing:
            a, b = 0, "nothing"
            def __getstate__(self):
                return {"one": self.a, "two": self.b}
            def __setstate__(self, state):
                self.a, self.b = state["one"], state["two"]
    """,
}


def module(kind: str, decorator: str = "") -> types.ModuleType:
    """Return a module in which Thing is a class of this kind; it takes the place of others."""
    made = types.ModuleType("things")
    sys.modules["things"] = made
    source = textwrap.dedent(KINDS[kind]).strip()
    exec(f"{HEAD}\n{decorator}\n{source}", vars(made))
    return made


def filled(cls: Any) -> Any:
    """Return an object that holds the facts."""
    if issubclass(cls, (list, tuple, set, frozenset)) or cls.__name__ == "deque":
        return _filled_container(cls)
    if issubclass(cls, dict):
        made = cls()
        made["a"] = 101
        if hasattr(cls, "b"):
            made.b = "pear"
        else:
            made["b"] = "pear"
        return made
    if cls.__mro__[1].__name__ == "Enum":
        return cls(101)
    for make in (
        lambda: _with(cls("pear"), a=101) if _is_text(cls) else cls.missing,
        lambda: _with(cls(101), b="pear") if issubclass(cls, int) else cls.missing,
        lambda: _with(cls(a=101), _b="pear") if cls.__private_attributes__ else None,
        lambda: cls(a=101, b="pear"),
        lambda: cls(101, b="pear"),
        lambda: cls(101, "pear"),
        lambda: _with(cls(101), b="pear"),
        lambda: _with(cls(a=101), b="pear"),
        lambda: _appended(cls()),
        lambda: _with(cls(), a=101, b="pear"),
    ):
        try:
            made = make()
        except (TypeError, AttributeError):
            continue
        if holds_facts(made):
            return made
    raise AssertionError(cls)


def _filled_container(cls: Any) -> Any:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return cls(101, "pear")
    return _with(cls([101]), b="pear") if hasattr(cls, "b") else cls([101, "pear"])


def _is_text(cls: Any) -> bool:
    return issubclass(cls, str | collections.UserString)


def _with(obj: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(obj, name, value)
    return obj


def _appended(obj: Any) -> Any:
    for fact in FACTS:
        obj.append(fact)
    return obj


def held(obj: Any) -> list[Any]:
    """Return all values that an object holds, wherever it keeps them."""
    values = [*getattr(obj, "__dict__", {}).values(), *getattr(obj, "args", ())]
    for base in type(obj).__mro__:
        names = vars(base).get("__slots__", ())
        names = (names,) if isinstance(names, str) else names
        values += [getattr(obj, name) for name in names if hasattr(obj, name)]
    values += [getattr(obj, name) for name in getattr(type(obj), "__struct_fields__", ())]
    for name in ("__pydantic_extra__", "__pydantic_private__"):
        values += (getattr(obj, name, None) or {}).values()
    values += [getattr(obj, name, None) for name in ("errno", "strerror", "name", "value")]
    if isinstance(obj, dict):
        values += obj.values()
    elif isinstance(obj, str):
        values.append(str(obj))
    elif isinstance(obj, int):
        values.append(int(obj))
    elif isinstance(obj, set | frozenset):
        values += sorted(obj, key=str)
    elif isinstance(obj, list | tuple | collections.deque | bytearray):
        values += obj
    flat = []
    for value in values:
        flat += value if isinstance(value, list | tuple) else [value]
    return flat


def holds_facts(obj: Any) -> bool:
    """Return whether an object has lost nothing of what it was given."""
    values = held(obj)
    return all(any(type(v) is type(f) and v == f for v in values) for f in FACTS)
