"""What old objects kept elsewhere than today's: in arguments, items, names, or in C."""

from __future__ import annotations

import builtins
import collections
import copy
import dataclasses
import datetime
import enum
import operator
import pickle
import sys
import types

import attrs
import pydantic
import pytest

import versionpickle

from versionpickle import Limits, Registry, adopt, alias, allow, migration, versioned
from versionpickle.exceptions import (
    BuildError,
    FieldsError,
    ForbiddenError,
    InvalidObjectError,
    StepError,
    VersionPickleError,
)
from versionpickle.migrations import become, convert, name_items, remove, rename, replace


LOADS = {
    "loads": versionpickle.loads,
    "limits": lambda data, **how: versionpickle.loads(data, limits=Limits(), **how),
}
HERE = __name__.encode()


class Kind(enum.Enum):
    WEAPON = "w"
    POTION = "p"


class Way(enum.Flag):
    UP = 1
    LEFT = 2


def by_name(cls, name):
    """Return what CPython 3.11.0 to 3.11.3 wrote for a member."""
    return b"cbuiltins\ngetattr\n(c%s\n%s\nV%s\ntR" % (HERE, cls.encode(), name.encode())


@pytest.mark.parametrize("how", LOADS)
class TestEnum:
    def test_by_name(self, registry, how):
        adopt(Kind, registry=registry)

        found = LOADS[how](by_name("Kind", "POTION") + b".", registry=registry)

        assert found is Kind.POTION

    def test_by_old_name(self, registry, how):
        """Its steps are taken."""
        adopt(Kind, 2, registry=registry)
        migration(Kind, 1, rename("WEPON", "WEAPON"), registry=registry)

        for name, member in (("WEPON", Kind.WEAPON), ("POTION", Kind.POTION)):
            assert LOADS[how](by_name("Kind", name) + b".", registry=registry) is member

    def test_flags(self, registry, how):
        """They are joined by a function."""
        adopt(Way, registry=registry)
        both = by_name("Way", "UP") + by_name("Way", "LEFT")
        data = b"c_operator\nor_\n(" + both + b"tR."

        assert LOADS[how](data, registry=registry) == Way.UP | Way.LEFT

    def test_class_itself(self, registry, how):
        """It is no member."""
        adopt(Kind, 2, registry=registry)
        migration(Kind, 1, convert("name", str), registry=registry)

        assert LOADS[how](pickle.dumps([Kind]), registry=registry) == [Kind]

    def test_alias_as_data(self, registry, how):
        """A function that makes members is not the class."""
        alias("gone:Kind", {1: Kind.WEAPON}.__getitem__, registry=registry)

        assert LOADS[how](b"cgone\nKind\n(I1\ntR.", registry=registry) is Kind.WEAPON
        with pytest.raises(BuildError, match="gone:Kind.*is no data"):
            LOADS[how](b"(lcgone\nKind\na.", registry=registry)


def test_joined_values(registry):
    """Only flags are joined."""
    adopt(Way, registry=registry)

    with pytest.raises(BuildError, match="are no flags"):
        versionpickle.loads(b"c_operator\nor_\n(I1\nI2\ntR.", registry=registry)
    assert operator.or_(1, 2) == 3


@pytest.mark.parametrize("step", [remove("GBP"), rename("name", "x")])
def test_step_that_is_for_no_enum(registry, step):
    """The error shows what a step of an enum gets."""
    was = Registry()
    adopt(Kind, name="kind", registry=was)
    data = versionpickle.dumps(Kind.WEAPON, registry=was)
    adopt(Kind, 2, name="kind", registry=registry)
    migration(Kind, 1, convert("nme", str), registry=registry)

    with pytest.raises(StepError, match=r"gets \{'name': ...\}.*convert"):
        versionpickle.loads(data, registry=registry)


def test_object_that_became_a_member(registry):
    """Only replace() leads to a member."""
    was = Registry()

    @versioned(name="kind", registry=was)
    class Plain:
        pass

    data = versionpickle.dumps(Plain(), registry=was)
    adopt(Kind, name="kind", registry=registry)

    with pytest.raises(StepError, match=r"replace\(\)"):
        versionpickle.loads(data, registry=registry)


class TestPrivateName:
    """A private attribute of a class that has another name now is left over."""

    def test_left_over(self):
        was, now = Registry(), Registry()

        @versioned(name="wallet", registry=was)
        class Wallet:
            def __init__(self):
                self.__balance = 12

        @versioned(name="wallet", registry=now)
        class Account:
            @property
            def worth(self):
                return self.__balance

        data = versionpickle.dumps(Wallet(), registry=was)

        with pytest.raises(FieldsError, match="_Wallet__balance"):
            versionpickle.loads(data, registry=now)
        assert Account.worth.fget is not None

    def test_of_somebody_else(self, registry):
        """What no method looks for under another name stays."""

        @versioned(name="noted", registry=registry)
        class Noted:
            pass

        obj = Noted()
        vars(obj)["_Other__note"] = 1
        again = versionpickle.loads(versionpickle.dumps(obj, registry=registry), registry=registry)

        assert vars(again) == {"_Other__note": 1}


@versioned(name="elsewhere.party")
@attrs.define
class Party:
    given: str
    family: str


@versioned(name="elsewhere.customer")
@attrs.define
class Customer(Party):
    number: int


def test_fields_of_a_base():
    """The error names the base, where the step belongs."""
    was = Registry()

    @versioned(name="elsewhere.party", registry=was)
    @attrs.define
    class OldParty:
        name: str

    @versioned(name="elsewhere.customer", registry=was)
    @attrs.define
    class OldCustomer(OldParty):
        number: int

    data = versionpickle.dumps(OldCustomer("Ada", 7), registry=was)

    with pytest.raises(
        FieldsError, match=r"fields of its base .*Party: .*migration\(Party, 1"
    ) as caught:
        pickle.loads(data)
    assert caught.value.bases == ((f"{__name__}:Party", 1),)


class Table:
    __slots__ = ("_memo", "rows")


def test_empty_slot(registry):
    """The error names transient=, for what is empty until it is needed."""
    adopt(Table, 2, registry=registry)
    migration(Table, 1, rename("data", "rows"), registry=registry)
    data = b"\x80\x02c%s\nTable\n)\x81N}X\x04\x00\x00\x00dataK\x01s\x86b." % HERE

    with pytest.raises(FieldsError, match=r"transient=\('_memo',\)"):
        versionpickle.loads(data, registry=registry)


@versioned(name="elsewhere.range")
@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    count: int
    high: bool
    size: float = 0.0


@pytest.mark.parametrize(("values", "fits"), [("K\x01\x88K\x05", True), ("K\x01K\x02\x88", False)])
def test_bare_values(values, fits):
    """They take the places of fields whose types they have."""
    data = b"\x80\x02c%s\nRange\n)\x81](%seb." % (HERE, values.encode("latin1"))

    if fits:
        assert pickle.loads(data) == Range(1, True, 5)
    else:
        with pytest.raises(StepError, match="'high' would be a int"):
            pickle.loads(data)


def holiday(*args):
    """Was a class."""


def test_class_that_became_a_function(registry):
    allow(holiday, registry=registry)
    data = b"\x80\x02c%s\nholiday\n)\x81." % HERE

    for options in ({}, {"unsafe": True}):
        with pytest.raises(BuildError, match="it is no class today"):
            versionpickle.loads(data, registry=registry, **options)


ARGUMENTS = {
    "UnicodeDecodeError": [("utf8", b"x", 0, 1, "bad")],
    "UnicodeEncodeError": [("utf8", "x", 0, 1, "bad")],
    "UnicodeTranslateError": [("x", 0, 1, "bad")],
    "BaseExceptionGroup": [("m", [ValueError(1)])],
    "ExceptionGroup": [("m", [ValueError(1)])],
}
EXCEPTIONS = [
    name
    for name, cls in vars(builtins).items()
    if isinstance(cls, type) and issubclass(cls, BaseException) and cls.__name__ == name
]


def facts(exc):
    in_c = types.MemberDescriptorType, types.GetSetDescriptorType
    names = [name for name in dir(type(exc)) if isinstance(getattr(type(exc), name), in_c)]
    kept = {name: repr(getattr(exc, name, None)) for name in names if not name.startswith("__")}
    return kept, vars(exc), str(exc), repr(exc.args)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exception_with_a_constructor(name):
    """It is made without that, and the built-in base gets its arguments."""
    base = getattr(builtins, name)

    class Own(base):
        def __new__(cls, *args, code=None):
            return base.__new__(cls, *args)

        def __init__(self, *args, code):
            base.__init__(self, *args)
            self.kept = code

    cls = versioned(name=f"elsewhere.{name}")(Own)
    given = ARGUMENTS.get(name, [("oops",), (5, "msg", "file.txt"), ("m", ("f", 1, 2, "t"))])
    for args in given:
        exc = cls(*args, code=3)
        for again in (
            pickle.loads(pickle.dumps(exc)),
            versionpickle.loads(versionpickle.dumps(exc), limits=Limits()),
            copy.copy(exc),
        ):
            assert facts(again) == facts(exc)


class TestModel:
    """What was no model is validated, and what it stored is set."""

    def test_of_a_dataclass(self):
        was, now = Registry(), Registry()

        @versioned(name="coupon", registry=was)
        @dataclasses.dataclass
        class Old:
            code: str
            percent: object

        @versioned(name="coupon", registry=now)
        class Coupon(pydantic.BaseModel):
            code: str
            percent: int
            note: str = ""

        data = versionpickle.dumps([Old("TEN", 10)], registry=was)
        wrong = versionpickle.dumps([Old("TEN", "ten")], registry=was)

        found = versionpickle.loads(data, registry=now)

        assert found == [Coupon(code="TEN", percent=10)]
        assert found[0].model_fields_set == {"code", "percent"}
        with pytest.raises(InvalidObjectError, match="percent"):
            versionpickle.loads(wrong, registry=now)


class Bag(dict):
    total = 0

    def __setitem__(self, key, value):
        self.total += value - self.get(key, 0)
        dict.__setitem__(self, key, value)


class Names(list):
    def append(self, name):
        index = self.__dict__.setdefault("index", {})
        if name in index:
            raise ValueError(f"{name} is already here")
        index[name] = len(self)
        list.append(self, name)

    def extend(self, names):
        for name in names:
            self.append(name)


class Folded(dict):
    def __init__(self):
        self.fold = "lower"

    def __setitem__(self, key, value):
        dict.__setitem__(self, getattr(key, self.fold)(), value)


def bag():
    made = Bag()
    made["a"], made["b"] = 2, 3
    return made


def names():
    made = Names()
    made.extend(["x", "y"])
    return made


def folded():
    made = Folded()
    made["A"] = 1
    return made


CONTAINERS = [bag, names, folded]


@pytest.mark.parametrize("make", CONTAINERS)
@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("protocol", range(6))
def test_order_of_items_and_state(registry, make, how, protocol):
    """It is pickle's own, and the other one only if that fails."""
    obj = make()
    data = pickle.dumps(obj, protocol)
    adopt(type(obj), registry=registry)
    if how == "limits" and make is names:  # whose attribute hides list.index
        with pytest.raises(VersionPickleError, match="holds 'index', which is a method"):
            LOADS[how](data, registry=registry)
        return

    found = LOADS[how](data, registry=registry)

    assert (found, vars(found)) == (obj, vars(obj))


@versioned(name="elsewhere.list")
class Listed(list):
    pass


class TestNamedItems:
    """A step can take the items out of what is a container still."""

    @pytest.mark.parametrize("loads", [pickle.loads, versionpickle.loads])
    @pytest.mark.parametrize("kind", [list, dict, collections.deque])
    def test_of_a_container(self, loads, kind):
        was = Registry()
        cls = type("Kept", (kind,), {"__module__": __name__})
        name = f"elsewhere.kept.{kind.__name__}.{loads.__module__}"
        versioned(name=name, registry=was)(cls)
        obj = cls({"a": 1})
        data = versionpickle.dumps(obj, registry=was)
        now = versioned(name=name, version=2)(type("Now", (kind,), {"__module__": __name__}))
        migration(now, 1, name_items("held"))

        found = loads(data)

        assert not found
        assert found.held == (dict(obj) if kind is dict else list(obj))

    def test_by_become(self):
        """They go along to another class, in plain pickle too."""
        was = Registry()
        old = versioned(name="elsewhere.went", registry=was)(type("Went", (list,), {}))
        data = versionpickle.dumps(old([1, 2]), registry=was)

        @versioned(name="elsewhere.team", version=2)
        class Team:
            pass

        migration("elsewhere.went", 1, become({Team: 1}))
        migration(Team, 1, name_items("members"))

        for loads in (pickle.loads, versionpickle.loads):
            assert vars(loads(data)) == {"members": [1, 2]}

    def test_by_replace(self):
        was, now = Registry(), Registry()
        old = versioned(name="elsewhere.words", registry=was)(type("Words", (dict,), {}))
        data = versionpickle.dumps(old(a=1), registry=was)
        migration("elsewhere.words", 1, replace(lambda state: state["<items>"]), registry=now)

        assert versionpickle.loads(data, registry=now) == {"a": 1}


def test_errors_are_ours():
    """All that these tests expect is in one tree."""
    ours = BuildError, FieldsError, InvalidObjectError, StepError
    assert all(issubclass(cls, VersionPickleError) for cls in ours)


class _Refusal(ValueError):
    def __new__(cls, code, *, reason):
        made = super().__new__(cls, code, reason)
        made.reason = reason
        return made

    def __init__(self, code, *, reason):
        super().__init__(code, reason)


class _Failures(ExceptionGroup):
    def __new__(cls, *parts):
        return super().__new__(cls, "failures", [*parts])

    def __init__(self, *parts):
        self.count = len(parts)


@pytest.mark.parametrize(
    "error", [_Refusal(1, reason="late"), _Failures(KeyError("a"))], ids=["alone", "group"]
)
@pytest.mark.parametrize("how", LOADS)
def test_exception_made_in_its_own_way(registry, how, error):
    """What C keeps of it comes back without its constructors."""
    adopt(type(error), registry=registry)

    again = LOADS[how](versionpickle.dumps(error, registry=registry), registry=registry)

    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


class _Zone(datetime.tzinfo):
    offset = 0


class _Text(collections.UserString):
    def __getnewargs__(self):
        return ("never the same", object())


@pytest.mark.parametrize("how", LOADS)
@pytest.mark.parametrize("cls", [_Zone, _Text])
def test_arguments_that_are_not_read(registry, how, cls):
    """Arguments that a class ignores, and would not hand out again, are left over."""
    adopt(cls, registry=registry)
    name = cls.__name__.encode()
    data = b"\x80\x02c%s\n%s\nX\x03\x00\x00\x00abc\x85\x81." % (HERE, name)

    with pytest.raises(FieldsError, match="constructor arguments"):
        LOADS[how](data, registry=registry)


class _Broken(_Text):
    def __getnewargs__(self):
        return (self.missing,)


def test_arguments_that_cannot_be_compared(registry):
    """They are left over, too."""
    adopt(_Broken, registry=registry)
    data = b"\x80\x02c%s\n_Broken\nX\x03\x00\x00\x00abc\x85\x81." % HERE

    with pytest.raises(FieldsError, match="constructor arguments"):
        versionpickle.loads(data, registry=registry)


class _Outer:
    class Part:
        pass


@pytest.mark.parametrize("how", [*LOADS, "unsafe"])
def test_nested_class_by_getattr(registry, how):
    """A class within another is found as protocol 2 names it, with its steps."""
    adopt(_Outer.Part, 2, registry=registry)
    migration(_Outer.Part, 1, rename("length", "size"), registry=registry)
    cls = b"cbuiltins\ngetattr\n(c%s\n_Outer\nVPart\ntR" % HERE
    data = b"\x80\x02" + cls + b")\x81}X\x06\x00\x00\x00lengthK\x05sb."
    load = LOADS.get(how, lambda data, **more: versionpickle.loads(data, unsafe=True, **more))

    assert vars(load(data, registry=registry)) == {"size": 5}


def test_attribute_of_an_unsafe_load(registry):
    """Any other attribute is left as it is."""
    adopt(_Outer.Part, registry=registry)
    data = b"cbuiltins\ngetattr\n(cbuiltins\nstr\nVupper\ntR."

    assert versionpickle.loads(data, unsafe=True, registry=registry) is str.upper


def test_allowed_and_not_imported(registry):
    """A name whose module is not there yet is no other name of a class."""
    allow("nowhere:Thing", registry=registry)
    found = types.ModuleType("elsewhere_now")
    found.Thing = type("Thing", (), {"__module__": "nowhere"})
    sys.modules["elsewhere_now"] = found
    try:
        allow("elsewhere_now:Thing", registry=registry)
    finally:
        del sys.modules["elsewhere_now"]


@pytest.mark.parametrize("how", LOADS)
def test_all_refused_names(registry, how):
    """What a class holds that is not known is listed with all that comes behind it."""
    data = pickle.dumps([_Outer.Part(), _Zone, by_name], 2)

    with pytest.raises(ForbiddenError) as caught:
        LOADS[how](data, registry=registry)
    names = {"_Outer", "_Outer.Part", "_Zone", "by_name"}
    assert {ref.partition(":")[2] for ref in caught.value.refs} == names


class _Day(datetime.date):
    pass


@pytest.mark.parametrize("how", LOADS)
def test_class_that_cannot_be_blank(registry, how):
    """The error names the class."""
    adopt(_Day, registry=registry)

    with pytest.raises(StepError, match="_Day.*required argument 'year'"):
        LOADS[how](b"\x80\x02c%s\n_Day\n)\x81}b." % HERE, registry=registry)


def test_state_that_is_of_no_model(registry):
    """With limits, only a model has its fields in a dict of that name."""
    adopt(_Outer.Part, formerly="gone:Part", registry=registry)

    with pytest.raises(VersionPickleError, match="holds '__dict__'"):
        LOADS["limits"](b"\x80\x02cgone\nPart\n)\x81}X\x08\0\0\0__dict__Nsb.", registry=registry)
