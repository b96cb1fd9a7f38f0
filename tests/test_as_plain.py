"""
An object of a versioned class survives pickle and copy as the same object of the plain class does.

This file is run twice: as the test module, where `mark` versions its classes, and as a twin,
where they stay plain.
"""

from __future__ import annotations

import abc
import array
import collections
import contextlib
import copy
import copyreg
import dataclasses
import datetime
import decimal
import enum
import functools
import importlib.util
import pickle
import sys
import types

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic
import pytest

import versionpickle

from versionpickle import Limits, versioned


TWIN = "plain_twin"
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
MAKERS: dict[str, Any] = {}
T = TypeVar("T")


def mark(cls):
    return cls if __name__ == TWIN else versioned(cls)


def shape(cls, *args, **kwargs):
    """Mark a class, and try an object that is made from these arguments."""
    globals().setdefault(cls.__name__, mark(cls))
    MAKERS[cls.__qualname__] = functools.partial(cls, *args, **kwargs)
    return cls


def unmarked(name, *bases, **body):
    body["__module__"] = __name__
    return types.new_class(name, bases, {}, lambda space: space.update(body))


def define(name, *bases, of=(), **body):
    """Make a class, and try an object *of* these arguments."""
    return shape(unmarked(name, *bases, **body), *of)


def cases(**makers):
    MAKERS.update(makers)


def also(obj, **attributes):
    for name, value in attributes.items():
        object.__setattr__(obj, name, value)
    return obj


def without(obj, name):
    object.__delattr__(obj, name)
    return obj


def holding(obj, container):
    container.append(obj)
    return [obj]


# Builtins and exceptions

VALUES = {list: [[1, [2]]], dict: [{"a": [1]}], set: [[1, "two"]], tuple: [[1, [2]]], str: ["a"]}
VALUES |= {int: [7], float: [0.5], complex: [1, 2], bytes: [b"a"], bytearray: [b"a"]}
VALUES |= {collections.defaultdict: [list, {"a": [1]}], collections.Counter: ["aab"]}
VALUES |= {collections.ChainMap: [{"a": [1]}, {}], collections.UserDict: [{"a": [1]}]}
VALUES |= {collections.OrderedDict: [[("b", 1), ("a", [2])]], collections.deque: [[1, [2]], 3]}
VALUES |= {frozenset: [[1, "two"]], decimal.Decimal: ["1.50"], types.SimpleNamespace: []}
VALUES |= {datetime.timedelta: [1, 2], Exception: ["message", [1]], KeyError: ["key"]}
VALUES |= {OSError: [2, "gone", "file"], StopIteration: [[1]], SyntaxError: ["m", ("f", 1, 2, "")]}
NEVER_EMPTY = {array.array: ["i", [1]], functools.partial: [max, 1], datetime.date: [2026, 1, 31]}
NEVER_EMPTY |= {UnicodeDecodeError: ["utf-8", b"\xff", 0, 1, "why"]}
NEVER_EMPTY |= {ExceptionGroup: ["group", [ValueError(1)]]}
for kind, values in (VALUES | NEVER_EMPTY).items():
    define(f"{kind.__name__}_open", kind, of=values)
    define(f"{kind.__name__}_bare", kind, of=values, __slots__=())
for kind in VALUES:
    define(f"{kind.__name__}_empty", kind)


def tell(self, a, b):
    """Tell Exception something else than what an exception is made from."""
    BaseException.__init__(self, f"{a} and {b}")
    self.a, self.b = a, b


define("ErrorOfOthers", Exception, of=["a", 2], __init__=tell)
define("ErrorOfSystem", OSError, of=["a", 2], __init__=tell)
told = {"__init__": tell, "__reduce__": lambda self: (type(self), (self.a, self.b))}
define("ErrorReduced", Exception, of=["a", 2], **told)
define("ErrorUntold", Exception, of=["a"], __init__=lambda self, a: None)
noting = {"__setstate__": lambda self, state: self.__dict__.update(state or {}, b=2)}
define("ErrorRestored", Exception, of=["a"], **noting)
define("ErrorOfTwo", KeyError, AttributeError, of=["a"])
ErrorOpen = define("ErrorOpen", Exception)
ErrorOfKeyword = define("ErrorOfKeyword", Exception, __init__=lambda self, *, a=3: None)
ErrorOfImport = define("ErrorOfImport", ImportError)
shape(attrs.make_class("ErrorAttrs", ["a", "b"], (Exception,)), "m", [2])
cases(
    error_of_import=lambda: ErrorOfImport("m", name="n", path="p"),
    error_with_keyword=lambda: ErrorOfKeyword(a=[1]),
    error_with_notes=lambda: also(ErrorOpen(), __notes__=["note"]),
    error_with_cause=lambda: also(ErrorOpen(), __cause__=ValueError(1)),
    error_in_itself=lambda: holding(ErrorOpen(held := []), held),
)

# Named tuples


class Point(NamedTuple):
    x: Any
    y: list = ()


class GenericPoint(NamedTuple, Generic[T]):
    x: T


shape(Point, 1, [2])
shape(GenericPoint, [1])
shape(collections.namedtuple("Nothing", ""))
shape(collections.namedtuple("Renamed", "x def", rename=True, defaults=[3]), 1)
define("PointOpen", Point, of=[1, [2]])
define("PointSlim", Point, of=[1, [2]], __slots__=(), last=lambda self: self.y)
one = {"__new__": lambda cls, x: tuple.__new__(cls, (x, [x]))}
define("PointOfOne", Point, of=[5], **one, __getnewargs__=lambda self: (self.x,))
cases(
    point_of_ints=lambda: GenericPoint[int](1),
    point_in_itself=lambda: holding(Point(1, held := []), held),
)

# Enums


@mark
class Planet(enum.Enum):
    EARTH = (5.97, 6.37)
    MARS = (0.64, 3.39)

    def __new__(cls, mass, radius):
        return also(object.__new__(cls), _value_=mass)

    def __init__(self, mass, radius):
        self.radius = radius


@mark
class Status(enum.IntEnum):
    OK = 200

    @classmethod
    def _missing_(cls, value):
        return also(int.__new__(cls, value), _name_=f"UNKNOWN_{value}", _value_=value)


@mark
class Spelled(enum.Enum):
    A = "a"

    def __reduce_ex__(self, protocol):
        return str, (self.value,)


Colour = mark(enum.Enum("Colour", {"RED": 1, "BLUE": [2], "CRIMSON": 1}, module=__name__))
Text = mark(enum.StrEnum("Text", ["A"], module=__name__))
Way = mark(enum.Flag("Way", ["UP", "LEFT"], module=__name__))
Bits = mark(enum.IntFlag("Bits", ["LOW", "HIGH"], module=__name__))
Kept = mark(enum.Flag("Kept", ["LOW"], module=__name__, boundary=enum.KEEP))
Pins = mark(enum.Flag("Pins", ["0", "1", "2"], module=__name__))
Piped = mark(enum.Flag("Piped", ["a|b", "c"], module=__name__))
cases(
    enum_members=lambda: [*Colour, Colour.CRIMSON, *Planet, *Text, Status.OK],
    enum_as_keys=lambda: {Colour.RED: Planet.EARTH},
    enum_made_up=lambda: Status(404),
    enum_reduced=lambda: Spelled.A,
    flags=lambda: [*Way, ~Way.UP, Way(0), Way.UP | Way.LEFT],
    int_flags=lambda: [*Bits, ~Bits.LOW, Bits(0), Bits(3), Bits(9)],
    int_flags_unknown=lambda: Bits(8),
    int_flags_negative=lambda: Bits(-8),
    flags_unknown=lambda: Kept(24),
    flags_called_digits=lambda: Pins["1"] | Pins["2"],
    flags_with_a_bar=lambda: Piped["a|b"] | Piped["c"],
)

# Generics, nested classes, metaclasses


class Open:
    def __init__(self, *args, **kwargs):
        self.args = args
        self.__dict__.update(kwargs)


class Once(type):
    """Makes one object of each class."""

    made: ClassVar = {}

    def __call__(cls, *args):
        return Once.made.setdefault(cls, super().__call__(*args))

    def __len__(cls):
        return 0

    def __setattr__(cls, name, value):
        raise TypeError("closed")


class Single(metaclass=Once):
    pass


class Outer:
    class Inner:
        pass


shape(Open, [1])
shape(Single)
shape(Outer.Inner)
Empty = define("Empty")
Box = define("Box", Open, Generic[T], of=[[1]])
define("SingleReduced", Single, __reduce__=lambda self: (type(self), ()))
define("Abstract", Open, abc.ABC, of=[[1]])
define("SubOpen", Open, of=[[1]])
cases(
    box_of_ints=lambda: Box[int]([1]),
    odd_names=lambda: Open(odd=1, **{"no name": 2, "class": 3}),
    names_of_any_type=lambda: [obj := Open(), obj.__dict__.update({5: 1})],
)

# Reducing


def blank(cls, *args):
    return also(cls.__new__(cls), args=args)


def set_state(obj, state):
    object.__setattr__(obj, "state", state)


def reduce_ex(self, *more):
    return blank, (type(self),), {"a": [1]}


def reducing(name, reduce, *bases, **body):
    return define(name, *bases, __reduce__=reduce, **body)


more = {"__reduce_ex__": lambda self, _: (*Open.__reduce_ex__(self, _)[:2], {"more": 1})}
define("Extending", Open, of=[1], **more)
reducing("Reduced2", lambda self: (blank, (type(self), [1])))
Reduced3 = reducing("Reduced3", lambda self: (blank, (type(self),), {"a": [1]}))
reducing("Reduced3Empty", lambda self: (blank, (type(self),), {}))
reducing("Reduced4", lambda self: (type(self), (), {"a": 1}, (i for i in [1, [2]])), list)
reducing("Reduced5", lambda self: (type(self), (), None, None, ((k, [k]) for k in "ab")), dict)
reducing("Reduced6", lambda self: (blank, (type(self),), {"a": [1]}, None, None, set_state))
reducing("Reduced6None", lambda self: (blank, (type(self),), None, None, None, set_state))
reducing("ReducedNew", lambda self: (copyreg.__newobj__, (type(self),), {"a": [1]}))
reducing("ReducedNewEx", lambda self: (copyreg.__newobj_ex__, (type(self), (), {}), {"a": [1]}))
reducing("ReducedNever", lambda self: 1 / 0)
reducing("ReducedToDict", lambda self: (dict, ({"a": [1]},)))
reducing("ReducedToOpen", lambda self: (Open, (), {"a": [1]}))
reducing("ReducedToPoint", lambda self: (Point, (1, [2])))
reducing("Remade", lambda self: (self.blank, ([1],)), blank=classmethod(blank))
NAMED = reducing("ReducedByName", lambda self: "NAMED")()
reducing("Overriding", lambda self: (blank, (type(self), "over")), Reduced3)
reducing("Reverting", object.__reduce__, Reduced3)
define("Inheriting", Reduced3)
define("ReducedEx", __reduce_ex__=reduce_ex)
define("ReducedPartly", __reduce_ex__=functools.partialmethod(reduce_ex, 1))
cases(
    named=lambda: [NAMED, NAMED],
    reduced_by_itself=lambda: also(Open(), __reduce_ex__=lambda protocol: (blank, (Open, 1))),
)
registered = unmarked("RegisteredEarly", Open)
copyreg.pickle(registered, reduce_ex)
shape(registered, 1)
registered = define("RegisteredLate", Open, of=[1])
copyreg.pickle(registered, reduce_ex)
copy.copy(registered())

# Arguments and states


class New:
    def __new__(cls, *args, **kwargs):
        return also(super().__new__(cls), args=args, kwargs=kwargs)


class LeavingOut(Open):
    def __getstate__(self):
        state = super().__getstate__().copy()
        state.pop("args")
        return state

    def __setstate__(self, state):
        self.__dict__.update(state, args="new")


STATES = {"None": None, "False": False, "Zero": 0, "Empty": "", "Text": "text", "List": [1]}
STATES |= {"Dict": {"a": [1]}, "EmptyDict": {}, "Numbers": {5: 1}, "Tuple": (1, [2])}
STATES |= {"EmptyTuple": (), "EmptyList": [], "Pair": ({"a": 1}, {"b": [2]})}
STATES |= {"OfSlots": (None, {"b": [2]}), "PairOfNone": (None, None)}
for title, state in STATES.items():
    get = functools.partialmethod(lambda self, state: state, state)
    reduce = functools.partialmethod(lambda self, state: (blank, (type(self),), state), state)
    both = {"__getstate__": get, "__setstate__": set_state}
    define(f"{title}Got", Open, of=[1], __getstate__=get)
    define(f"{title}GotAndSet", Open, of=[1], **both)
    define(f"{title}OfList", list, of=[[1]], **both)
    define(f"{title}InSlots", __slots__="state", **both)
    define(f"{title}Reduced", __reduce__=reduce, __setstate__=set_state)
shape(LeavingOut, [1], a=[1])
define("LeavingAll", LeavingOut, of=[1], __getstate__=lambda self: {"b": 2})
define("SetAlone", __setstate__=set_state)
define("SetAloneFull", Open, of=[1], __setstate__=set_state)
define("NewArgs", New, of=[1], __getnewargs__=lambda self: ("new",))
define("NewArgsEx", New, of=[1], __getnewargs_ex__=lambda self: ((), {"b": "new"}))
define("NewInt", int, of=[7], __getnewargs__=lambda self: (9,))
copied = {"__copy__": lambda self: Open("copy"), "__deepcopy__": lambda self, memo: Open("deep")}
define("Copied", Open, of=[[1]], **copied)

# Slots, properties and descriptors


class Filled:
    __slots__ = ()
    filled = ()

    def __init__(self):
        also(self, **{name: [name] for name in self.filled})


def refuse(self, *args):
    raise TypeError(self, args)


def slotted(name, slots, *bases, **body):
    return define(name, *(bases or [Filled]), __slots__=slots, **body)


Slots = slotted("Slots", ("x", "_y"), filled=("x", "_y"))
SlotsNone = slotted("SlotsNone", ())
slotted("SlotsAndDict", ("x", "__dict__"), filled=("x", "y"))
slotted("Private", ("__x", "__dict__"), filled=("_Private__x", "_Private__y"))
slotted("SlotsAndWeakref", ("x", "__weakref__"), filled=["x"])
slotted("SlotsUnset", ("x", "y"), filled=["y"])
slotted("SlotsAllUnset", ("x", "y"))
slotted("SlotsOdd", ("class", "é"), filled=("class", "é"))
slotted("SlotsInherited", ("z",), Slots, filled=("x", "_y", "z"))
slotted("SlotsAgain", ("x",), Slots, filled=("x", "_y"))
slotted("SlotsCovered", (), Slots, filled=["_y"], x=property(lambda self: 1))
slotted("SlotsOfTwo", ("z",), Slots, SlotsNone, filled=("x", "z"))
slotted("SlotsOfList", ("x", "y"), Filled, list, filled=["x"])
slotted("SlotsFrozen", ("x",), filled=["x"], __setattr__=refuse)
slotted("SlotsFalsy", ("x",), filled=["x"], __len__=lambda self: 0)
define("DictBelowSlots", Slots, filled=("x", "z"))
define("SlotsBelowDict", Empty, Slots, filled=("x", "z"))
define("Falsy", Open, of=[[1]], __bool__=lambda self: False)
define("Hostile", Open, of=[[1]], __bool__=refuse, __len__=refuse, __eq__=refuse, __hash__=None)
define("Dynamic", Open, of=[[1]], __getattr__=lambda self, name: getattr(self.args, name))
covered = define("Covered", Open, a=property(lambda self: "another"))
doubling = {"fset": lambda self, value: self.__dict__.update(a=value * 2)}
doubled = define("Doubled", Open, a=property(lambda self: self.__dict__["a"], **doubling))
Cached = define("Cached", Open, a=functools.cached_property(lambda self: "computed"))
covering = define("CachedInBase", Cached, a=None)
cases(
    property_covers_attribute=lambda: covered(a=[1]),
    property_doubles_attribute=lambda: doubled(a=[1]),
    cached_property_given=lambda: Cached(a=[1]),
    cached_property_of_base=lambda: covering(a=[1]),
)

# Hashed by value


def in_a_table(cls, *, as_key):
    obj = cls(1, {})
    obj.other[obj if as_key else "me"] = obj
    return obj


keyed = {"__init__": lambda self, key, other=None: self.__dict__.update(key=key, other=other)}
keyed |= {"__eq__": lambda self, other: self.key == other.key}
Keyed = define("Keyed", of=[1], **keyed, __hash__=lambda self: hash(self.key))
ignored = {"key": attrs.field(), "other": attrs.field(default=None, eq=False)}
KeyedAttrs = mark(attrs.make_class("KeyedAttrs", ignored, frozen=True, cache_hash=True))
ignored = ["key", ("other", Any, dataclasses.field(default=None, compare=False))]
HERE = {"namespace": {"__module__": __name__}}
KeyedData = mark(dataclasses.make_dataclass("KeyedData", ignored, frozen=True, slots=True, **HERE))
for cls in (Keyed, KeyedAttrs, KeyedData):
    MAKERS |= {
        f"{cls.__name__} in sets": lambda cls=cls: [{cls(1), cls("a")}, frozenset([cls(2)])],
        f"{cls.__name__} as keys": lambda cls=cls: {cls(cls(1)): [1], (cls(2),): 2},
        f"{cls.__name__} in its value": functools.partial(in_a_table, cls, as_key=False),
        f"{cls.__name__} in its key": functools.partial(in_a_table, cls, as_key=True),
        f"{cls.__name__} in the key of all": lambda cls=cls: in_a_table(cls, as_key=True).other,
    }

# attrs and dataclasses

ATTRS = {"dict": {"slots": False}, "frozen": {"frozen": True}, "kw_only": {"kw_only": True}}
ATTRS |= {"unweak": {"weakref_slot": False}, "hashed": {"frozen": True, "cache_hash": True}}
ATTRS |= {"hashed_dict": {"frozen": True, "cache_hash": True, "slots": False}, "slots": {}}
for title, settings in ATTRS.items():
    fields = {"a": attrs.field(), "b": attrs.field(factory=list)}
    shape(attrs.make_class(f"attrs_{title}", fields, **{"slots": True} | settings), a=[1])

DATA = {"dict": {}, "frozen": {"frozen": True}, "slots": {"slots": True}}
DATA |= {"frozen_slots": {"frozen": True, "slots": True}, "kw_only": {"kw_only": True}}
DATA |= {"weak": {"slots": True, "weakref_slot": True}}
for title, settings in DATA.items():
    fields = ["a", ("b", list, dataclasses.field(default_factory=list))]
    shape(dataclasses.make_dataclass(f"data_{title}", fields, **settings, **HERE), a=[1])


@attrs.define
@mark
class AttrsBelow:
    _a: Any
    b: Any = attrs.field(init=False)
    c: Any = attrs.field(init=False, default=5)
    d: Any = attrs.field(default=3, converter=lambda value: value * 2)
    e: Any = attrs.field(default=1, on_setattr=attrs.setters.frozen)


@dataclasses.dataclass(slots=True)
@mark
class DataBelow:
    a: int
    b: dataclasses.InitVar[int]
    c: int = dataclasses.field(init=False)
    d: int = dataclasses.field(init=False, compare=False)
    e: ClassVar[int] = 3

    def __post_init__(self, b):
        self.c = b


over = {"__annotations__": {"a": ""}}
shape(attrs.define(unmarked("AttrsOverState", LeavingOut, **over)), 1)
shape(attrs.define(unmarked("AttrsOverUnversioned", unmarked("Unversioned", **both), **over)), 1)
shape(attrs.make_class("AttrsOverSlots", ["a"], (Slots,), slots=True), 1)
over = {"bases": (MAKERS["data_dict"].func,), **HERE}
shape(dataclasses.make_dataclass("DataOverData", [("c", int, 3)], **over), 1)
fields = {"c": attrs.field(default=3)}
shape(attrs.make_class("AttrsOverAttrs", fields, (MAKERS["attrs_slots"].func,), slots=True), 1)
DataProperty = shape(dataclasses.make_dataclass("DataProperty", ["a"], **HERE), 1)
DataProperty.a = property(lambda self: self._a, lambda self, value: also(self, _a=value * 2))
cases(
    attrs_below=lambda: AttrsBelow([1]),
    attrs_unset=lambda: without(MAKERS["attrs_slots"](), "a"),
    attrs_dict_unset=lambda: without(MAKERS["attrs_dict"](), "a"),
    data_below=lambda: DataBelow(1, 2),
    data_unset=lambda: without(MAKERS["data_dict"](), "b"),
    data_slots_unset=lambda: without(MAKERS["data_frozen_slots"](), "b"),
)

# pydantic and msgspec


class Model(pydantic.BaseModel):
    a: Any
    b: list = []
    c: int = pydantic.Field(default=3, alias="sea")
    _private: Any = pydantic.PrivateAttr(default_factory=list)
    _unset: int

    def model_post_init(self, context):
        self._private.append(1)


class ModelOf(pydantic.BaseModel, Generic[T]):
    a: T


model = functools.partial(pydantic.create_model, __module__=__name__)
shape(Model, a=[1])
shape(ModelOf, a=[1])
shape(model("SubModel", __base__=Model, z=(int, 3)), a=1)
shape(model("ModelFree", __config__={"extra": "allow"}, a=Any), a=[1], x=[2])
shape(model("ModelFrozen", __config__={"frozen": True}, a=Any), a=[1])
shape(model("ModelNested", a=Model, b=list[Model]), a={"a": [1]}, b=[{"a": 1}])
shape(model("ModelRoot", __base__=pydantic.RootModel, root=list[int]), [1])
data = dataclasses.make_dataclass("ModelData", [("a", int)], **HERE)
shape(pydantic.dataclasses.dataclass(data), 1)
ModelOf[int]
cases(
    model_changed=lambda: also(Model(a=1), b=[3], _unset=2),
    model_of_ints=lambda: ModelOf[int](a=1),
    model_constructed=lambda: Model.model_construct(b=[1]),
    model_unset=lambda: without(Model(a=1), "b"),
)

STRUCTS = {"frozen": {"frozen": True}, "kw_only": {"kw_only": True}, "tagged": {"tag": "t"}}
STRUCTS |= {"array": {"array_like": True}, "untracked": {"gc": False}, "dict": {"dict": True}}
STRUCTS |= {"weak": {"weakref": True}, "hashed": {"frozen": True, "cache_hash": True}, "open": {}}
struct = functools.partial(msgspec.defstruct, module=__name__)
for title, settings in STRUCTS.items():
    fields = ["a", ("b", list, msgspec.field(default_factory=list)), ("c", int, 3)]
    base = shape(struct(f"struct_{title}", fields, **settings), a=[1])
counting = {"__post_init__": lambda self: setattr(self, "c", self.c + 1)}
shape(struct("StructCounting", fields, namespace=counting), [1])
shape(struct("SubStruct", ["d"], bases=(base,), kw_only=True), [1], d=2)
shape(struct("StructEmpty", []))

# What a field refers to


def function():
    pass


class Refers(Open):
    def method(self):
        pass

    @classmethod
    def of_class(cls):
        pass

    @staticmethod
    def static():
        pass


shape(Refers, function, len)
cases(
    refers_to_classes=lambda: Refers(int, Refers, Outer.Inner),
    refers_to_method=lambda: Refers(Refers().method),
    refers_to_own_method=lambda: also(obj := Refers(), back=obj.method),
    refers_to_class_method=lambda: Refers(Refers.of_class),
    refers_to_static=lambda: Refers(Refers.static),
    refers_to_partial=lambda: Refers(functools.partial(function, 1, [2], c=3)),
    refers_twice=lambda: [Refers([1])] * 2,
)

# What is compared

LEAVES = (type(None), bool, int, float, complex, str, bytes, decimal.Decimal)
BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType)
WRITTEN = (int, float, complex, str, bytes, bytearray, decimal.Decimal, array.array)
LISTED = (list, tuple, collections.deque)
MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
HIDDEN = {
    *("__class__", "__dict__", "__orig_class__", "__traceback__", "__weakref__"),
    *("_attrs_cached_hash", "__msgspec_cached_hash__", "__vectorcalloffset__", "_inverted_"),
}


def describe(obj, seen, originals=()):
    """Return all of an object, and which of its parts are those of the *originals*."""
    if type(obj) in LEAVES:
        return repr(obj)
    if isinstance(obj, BY_NAME):
        return f"the very {obj.__qualname__}"
    if type(obj) is tuple:
        return [describe(item, seen, originals) for item in obj]
    if id(obj) in seen:
        return f"object {seen[id(obj)][0]} again"
    seen[id(obj)] = len(seen), obj
    described = {"type": type(obj).__qualname__, "is original": id(obj) in originals}
    for name, value in facts_of(obj):
        described[name] = describe(value, seen, originals)
    return described


def facts_of(obj):
    """Yield what an object is as a builtin, and its slots, members in C, and attributes."""
    for kind in WRITTEN:
        if isinstance(obj, kind):
            yield "value", kind.__repr__(obj)
    for kind in LISTED:
        if isinstance(obj, kind):
            yield "items", (*kind.__iter__(obj),)
    for kind in (set, frozenset):
        if isinstance(obj, kind):
            members = sorted(kind.__iter__(obj), key=lambda member: str(describe(member, {})))
            yield "members", (*members,)
            yield "found", all(kind.__contains__(obj, member) for member in members)
    if isinstance(obj, dict):
        kind = collections.OrderedDict if isinstance(obj, collections.OrderedDict) else dict
        yield "items", (*kind.items(obj),)
        yield "found", all(dict.__contains__(obj, key) for key in [*dict.__iter__(obj)])
    for base in type(obj).__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MEMBERS) and name not in HIDDEN:
                with contextlib.suppress(AttributeError):
                    yield f"{base.__qualname__}.{name}", member.__get__(obj)
    for name in sorted(getattr(obj, "__dict__", {}).keys() - HIDDEN, key=repr):
        yield repr(name), obj.__dict__[name]


def outcome(make, way, protocol):
    """Describe what there was, what came back, and that without saying what is the original's."""
    obj = make()
    originals = {}
    before = describe(obj, originals)
    try:
        back = way(obj, protocol)
    except Exception:  # noqa: BLE001 - a class fails in ways of its own
        return before, None, None
    assert before == describe(obj, {})
    return before, describe(back, {}, originals), describe(back, {})


ALLOWED = [blank, set_state, function, len, max, functools.partial]
ALLOWED += [f"{__name__}:{name}" for name in ("NAMED", "Outer", "Refers.method", "Refers.static")]
ALLOWED += [f"{__name__}:{name}" for name in ("Refers.of_class", "Remade.blank")]
load = functools.partial(versionpickle.loads, allow=ALLOWED)
WAYS = {
    "pickle": lambda obj, protocol: pickle.loads(pickle.dumps(obj, protocol)),
    "pickle in Python": lambda obj, protocol: pickle._loads(pickle._dumps(obj, protocol)),
    "versionpickle": lambda obj, protocol: load(versionpickle.dumps(obj, protocol)),
    "with limits": lambda obj, protocol: load(versionpickle.dumps(obj, protocol), limits=Limits()),
    "copy": lambda obj, protocol: copy.copy(obj),
    "deepcopy": lambda obj, protocol: copy.deepcopy(obj),
}


def run_twin():
    spec = importlib.util.spec_from_file_location(TWIN, __file__)
    sys.modules[TWIN] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[TWIN])
    return sys.modules[TWIN].MAKERS


def laden(obj):
    obj.__dict__.update({"extra": [1], "_Else__x": 2, "no name": 3, "me": obj})
    return obj


def keeps_attributes(make):
    """Return whether plain pickle keeps what an object carries beside its fields."""
    if make() is make() or not hasattr(make(), "__dict__"):
        return False
    try:
        return "me" in vars(pickle.loads(pickle.dumps(laden(make()))))
    except Exception:  # noqa: BLE001 - as above
        return False


PICKLED = ("pickle", "pickle in Python", "versionpickle", "with limits")
COPIED = ("copy", "deepcopy")
DEVIATIONS = [
    ("documented: limits let nothing call a versioned class", ["with limits"], "ReducedToOpen"),
    (
        "documented: limits let no attribute hide a property",
        ["with limits"],
        "property_covers_attribute",
        "property_covers_attribute, laden",
        "property_doubles_attribute",
        "property_doubles_attribute, laden",
    ),
    ("a __reduce_ex__ of the object itself is not asked", WAYS, "reduced_by_itself"),
    ("documented: cached properties are not stored", WAYS, "cached_property_given"),
]
XFAILS = {(name, way): why for why, ways, *names in DEVIATIONS for name in names for way in ways}
PLAIN = run_twin() if __name__ != TWIN else {}
for name in [name for name, make in PLAIN.items() if keeps_attributes(make)]:
    if (name, "pickle") not in XFAILS:
        for makers in (PLAIN, MAKERS):
            makers[f"{name}, laden"] = lambda make=makers[name]: laden(make())


def marked(name, way):
    reason = XFAILS.get((name, way))
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(name, way, marks=marks)


@pytest.mark.parametrize(("name", "way"), [marked(name, way) for name in MAKERS for way in WAYS])
def test_as_plain(name, way):
    """
    What comes back is what the plain class gives, by this protocol or the newest.

    Where the plain class fails, it is an error, or what there was, or what pickle gives elsewhere.
    """
    plainly = WAYS["pickle" if way in {"versionpickle", "with limits"} else way]
    _, newest, _ = outcome(PLAIN[name], plainly, PROTOCOLS[-1])
    elsewhere = [outcome(PLAIN[name], WAYS[other], PROTOCOLS[-1])[2] for other in PICKLED[:2]]
    for protocol in PROTOCOLS if way in PICKLED else PROTOCOLS[-1:]:
        before, expected, _ = outcome(PLAIN[name], plainly, protocol)

        made, found, alone = outcome(MAKERS[name], WAYS[way], protocol)

        assert before == made
        if expected is not None:
            assert found in (expected, newest)
        elif found is not None:
            assert alone in (before, *elsewhere)
