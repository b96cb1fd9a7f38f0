"""Classes that someone else wrote, and names that are gone."""

from __future__ import annotations

import collections
import copy
import copyreg
import ctypes
import decimal
import functools
import io
import operator
import pickle
import re

import attrs
import pytest

from forgetting import forget

import versionpickle

from versionpickle import Placeholder, Registry, adopt, allow, migration, retire
from versionpickle.exceptions import DeclarationError, ForbiddenError, StepError
from versionpickle.migrations import add, convert, rename


class Foreign:
    """A class that knows nothing of us."""

    def __init__(self, a):
        self.a = a


class ForeignChild(Foreign):
    pass


class ForeignDict(dict):
    """Its items meet a method that needs the state."""

    def __setitem__(self, key, value):
        super().__setitem__(self.prefix + key, value)


class ForeignList(list):
    def append(self, item):
        super().append((self.tag, item))

    def extend(self, items):
        for item in items:
            self.append(item)


class ForeignAppender(list):
    extend = None
    del extend

    def append(self, item):
        super().append((self.tag, item))


class OnlyAppends:
    """Takes items, and is no list."""

    def __init__(self):
        self.taken = []

    def append(self, item):
        self.taken.append(item)

    def __reduce__(self):
        return OnlyAppends, (), None, iter([1, 2])


class ForeignSet(set):
    def add(self, item):
        super().add((self.tag, item))


UNSTAMPED = {cls: pickle.dumps(cls(1), 2) for cls in (Foreign, ForeignChild)}


@pytest.fixture(scope="module", autouse=True)
def _adopted():
    adopt(f"{__name__}:Foreign", version=2)
    migration(Foreign, 1, convert("a", str))


@pytest.mark.parametrize("cls", [Foreign, ForeignChild])
@pytest.mark.parametrize("load", [pickle.loads, versionpickle.loads])
def test_old_pickles(cls, load):
    """Pickles from before the adoption are upgraded, also those of subclasses."""
    found = load(UNSTAMPED[cls])

    assert type(found) is cls
    assert found.a == "1"


def test_new_pickles_are_stamped():
    """And new ones are not upgraded again."""
    found = pickle.loads(pickle.dumps([Foreign(1), ForeignChild(2)]))

    assert [obj.a for obj in found] == [1, 2]


@pytest.mark.parametrize(
    "nameless", [functools.partial(print), operator.itemgetter(1)], ids=["partial", "itemgetter"]
)
def test_allow_of_what_has_no_name(registry, nameless):
    """No pickle can name it."""
    with pytest.raises(DeclarationError, match=type(nameless).__name__):
        allow(nameless, registry=registry)


def test_adopted_twice():
    """A class is adopted once."""
    with pytest.raises(DeclarationError, match="declare it once"):
        adopt(Foreign)


def test_child_may_be_adopted_too():
    """A subclass that is versioned already for its base's sake may get a version of its own."""
    adopt(ForeignChild, version=3)
    migration(ForeignChild, 1, add("b", 2))
    migration(ForeignChild, 2, rename("b", "c"))

    found = pickle.loads(UNSTAMPED[ForeignChild])

    assert vars(found) == {"a": "1", "c": 2}


@pytest.mark.parametrize("target", [5, len, dict, "no_such:Class", "json:nothing"])
def test_no_class(target):
    """Only classes that there are can be adopted."""
    with pytest.raises(DeclarationError):
        adopt(target)


class Apart:
    def __init__(self, a):
        self.a = a


class OwnState:
    def __init__(self, a):
        self.a = a

    def __getstate__(self):
        return [self.a]

    def __setstate__(self, state):
        (self.a,) = state


class Singleton:
    def __reduce__(self):
        return "ONE"


ONE = Singleton()


@attrs.define
class SlotsApart:
    a: int


class TestAdoptedApart:
    """A registry of one's own adopts classes without touching them."""

    @pytest.mark.parametrize("cls", [Apart, OwnState, SlotsApart])
    def test_touches_nothing(self, registry, cls):
        """The class carries no instrumentation, and other dumps are as before."""
        before = pickle.dumps(cls(1)), dict(vars(cls))

        adopt(cls, version=2, registry=registry)
        versionpickle.dumps(cls(1), registry=registry)

        assert before == (pickle.dumps(cls(1)), dict(vars(cls)))

    @pytest.mark.parametrize("cls", [Apart, OwnState, SlotsApart])
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_round_trip(self, registry, cls, protocol):
        """Dumps and loads that are given the registry see it."""
        adopt(cls, version=2, registry=registry)

        data = versionpickle.dumps(cls(1), protocol, registry=registry)

        assert b"_revive" in data
        assert versionpickle.loads(data, registry=registry).a == 1
        with pytest.raises(versionpickle.exceptions.UnknownClassError):
            versionpickle.loads(data)

    def test_two_registries(self):
        """Two registries may adopt one class, each in its own way."""
        found = []
        for number in (1, 2):
            registry = Registry()
            adopt(Apart, version=2, registry=registry)
            migration(Apart, 1, add("number", number), registry=registry)
            found.append(versionpickle.loads(pickle.dumps(Apart(1)), registry=registry))

        assert [vars(obj) for obj in found] == [{"a": 1, "number": 1}, {"a": 1, "number": 2}]

    def test_of_a_class_adopted_everywhere(self, registry):
        """Even one that the default registry has adopted as well."""
        adopt(Foreign, version=5, unstamped=4, registry=registry)
        migration(Foreign, 4, rename("a", "b"), registry=registry)

        assert vars(versionpickle.loads(UNSTAMPED[Foreign], registry=registry)) == {"b": 1}
        data = versionpickle.dumps(Foreign(1), registry=registry)
        assert vars(versionpickle.loads(data, registry=registry)) == {"a": 1}

    def test_subclasses(self, registry):
        """Subclasses that there are come along."""
        adopt(Foreign, version=2, registry=registry)
        migration(Foreign, 1, convert("a", str), registry=registry)

        found = versionpickle.loads(UNSTAMPED[ForeignChild], registry=registry)

        assert ("1", ForeignChild) == (found.a, type(found))
        assert b"_revive" in versionpickle.dumps(found, registry=registry)

    def test_twice(self, registry):
        """But each of them once."""
        adopt(Apart, registry=registry)

        with pytest.raises(DeclarationError, match="adopt it once"):
            adopt(Apart, registry=registry)

    def test_singleton(self, registry):
        """What reduces to a name is stored by that name."""
        adopt(Singleton, registry=registry)

        data = versionpickle.dumps(ONE, registry=registry)

        assert ONE is versionpickle.loads(data, registry=registry, allow=[f"{__name__}:ONE"])

    def test_base_and_subclass(self, registry):
        """Steps of adopted bases run before those of subclasses."""
        adopt(Foreign, version=2, registry=registry)
        adopt(ForeignChild, version=2, registry=registry)
        migration(ForeignChild, 1, convert("a", lambda a: a + 1), registry=registry)
        migration(Foreign, 1, convert("a", lambda a: a * 10), registry=registry)

        assert versionpickle.loads(UNSTAMPED[ForeignChild], registry=registry).a == 11


class TestWrittenInC:
    @pytest.fixture
    def _forgotten(self):
        """No other test meets an adopted Decimal."""
        yield
        forget("decimal")
        copyreg.dispatch_table.pop(decimal.Decimal, None)

    @pytest.mark.parametrize("everywhere", [True, False])
    @pytest.mark.usefixtures("_forgotten")
    def test_made_from_arguments(self, registry, everywhere):
        """A C class is stamped without methods of ours."""
        into = None if everywhere else registry
        adopt(decimal.Decimal, version=2, registry=into)

        data = versionpickle.dumps([decimal.Decimal("1.5")] * 2, registry=into)

        assert b"decimal:Decimal" in data
        assert decimal.Decimal("1.5") == versionpickle.loads(data, registry=into)[0]
        if everywhere:
            assert decimal.Decimal("1.5") == pickle.loads(data)[1]
            assert decimal.Decimal("1.5") == copy.deepcopy(decimal.Decimal("1.5"))

    def test_with_a_state(self, registry):
        """Its state travels with it, and is upgraded."""
        adopt(functools.partial, version=2, registry=registry)
        obj = functools.partial(int, base=2)
        data = versionpickle.dumps(obj, registry=registry)

        older = Registry()
        adopt(functools.partial, version=3, registry=older)

        @migration(functools.partial, 2, registry=older)
        def to_base_8(state):
            function, args, _, attributes = state
            return function, args, {"base": 8}, attributes

        assert versionpickle.loads(data, registry=registry)("10") == 2
        assert versionpickle.loads(data, registry=older)("10") == 8

    def test_made_by_new(self, registry):
        """One that is made by its __new__ is, too."""
        adopt(complex, version=2, registry=registry)

        data = versionpickle.dumps([1 + 2j], registry=registry)
        assert versionpickle.loads(data, registry=registry) == [1 + 2j]

    def test_singleton(self, registry):
        """One that reduces to a name is stored by that name."""
        adopt(type(...), registry=registry)

        assert ... is versionpickle.loads(
            versionpickle.dumps(..., registry=registry), registry=registry
        )


class TestItemsBeforeTheState:
    """Items stand before the state in a pickle; methods that need it meet them after."""

    def test_dict(self, registry):
        adopt(ForeignDict, version=2, registry=registry)
        migration(ForeignDict, 1, rename("pre", "prefix"), registry=registry)
        data = f"\x80\x02c{__name__}\nForeignDict\n)\x81(X\x01\x00\x00\x00kK\x01u".encode("latin1")
        data += b"}X\x03\x00\x00\x00preX\x01\x00\x00\x00-sb."

        assert versionpickle.loads(data, registry=registry) == {"-k": 1}

    @pytest.mark.parametrize("cls", [ForeignList, ForeignAppender])
    def test_list(self, registry, cls):
        adopt(cls, version=2, registry=registry)
        migration(cls, 1, rename("t", "tag"), registry=registry)
        data = f"\x80\x02c{__name__}\n{cls.__name__}\n)\x81(K\x01K\x02e".encode("latin1")
        data += b"}X\x01\x00\x00\x00tK\x05sbK\x03a."

        wanted = [(5, 1), (5, 2), (5, 3)]
        if cls is ForeignAppender:  # list's own extend knows nothing of append
            wanted = [1, 2, 3]
        assert wanted == versionpickle.loads(data, registry=registry)

    def test_only_append(self, registry):
        adopt(OnlyAppends, registry=registry)

        assert [1, 2] == versionpickle.loads(pickle.dumps(OnlyAppends()), registry=registry).taken

    def test_set(self, registry):
        adopt(ForeignSet, version=2, registry=registry)
        migration(ForeignSet, 1, rename("t", "tag"), registry=registry)
        data = f"\x80\x04c{__name__}\nForeignSet\n)\x81(K\x01\x90".encode("latin1")
        data += b"}X\x01\x00\x00\x00tK\x05sb."

        assert {(5, 1)} == versionpickle.loads(data, registry=registry)


class TestRetired:
    @pytest.mark.parametrize(
        ("data", "kept"),
        [
            (b"\x80\x02cm\nGone\nK\x05\x85\x81.", {"args": (5,)}),
            (b"\x80\x04cm\nGone\n)}X\x01\x00\x00\x00kK\x05s\x92.", {"kwargs": {"k": 5}}),
            (b"cm\nGone\n(I5\ntR(dS'a'\nI1\nsb.", {"args": (5,), "state": {"a": 1}}),
            (b"\x80\x02cm\nGone\n)\x81K\x01a(K\x02K\x03e.", {"items": [1, 2, 3]}),
            (b"\x80\x04cm\nGone\n)\x81(K\x01\x90.", {"items": [1]}),
            (b"\x80\x02cm\nGone\n)\x81K\x01K\x02s.", {"pairs": [(1, 2)]}),
            (b"ccopy_reg\n_reconstructor\n(cm\nGone\nc__builtin__\nobject\nNtR.", {"args": ()}),
            (b"ccopy_reg\n_reconstructor\n(cm\nGone\nc__builtin__\nlist\n]tR.", {"items": []}),
        ],
    )
    def test_keeps_everything(self, registry, data, kept):
        """A placeholder holds all that was stored, and is stored again with it."""
        retire("m:Gone", registry=registry)

        found = versionpickle.loads(data, registry=registry)
        again = versionpickle.loads(versionpickle.dumps(found), registry=registry)

        for placeholder in (found, again, pickle.loads(pickle.dumps(found))):
            assert placeholder.ref == "m:Gone"
            assert isinstance(placeholder, Placeholder)
            assert kept == {name: getattr(placeholder, name) for name in kept}

    def test_stamped(self, registry):
        """A versioned one is written as it was read."""
        writer = Registry()
        adopt(Apart, version=7, name="apart", registry=writer)
        adopt(OwnState, version=7, name="own", registry=writer)
        data = versionpickle.dumps([Apart(1), OwnState(2)], registry=writer)
        registry.alias("apart", versionpickle.migrations.Retired("apart"))
        registry.alias("own", versionpickle.migrations.Retired("own"))

        found = versionpickle.loads(data, registry=registry)

        assert (found[0].ref, found[0].version, found[0].state) == ("apart", 7, {"a": 1})
        assert found[1].state == [2]
        assert "placeholder of apart version 7: {'a': 1}" in repr(found[0])
        again = versionpickle.loads(versionpickle.dumps(found), registry=writer)
        assert [obj.a for obj in again] == [1, 2]


class Called:
    def __init__(self, *, k):
        self.k = k

    def __reduce_ex__(self, protocol):
        return _called, (self.k,)


def _called(k):
    return Called(k=k)


class MadeWithKeywords:
    def __new__(cls, *, k):
        self = super().__new__(cls)
        self.k = k
        return self

    def __getnewargs_ex__(self):
        return (), {"k": self.k}


@pytest.mark.parametrize("cls", [Called, MadeWithKeywords])
def test_placeholder_remembers_how_it_was_made(cls, registry):
    """So that the class can come back."""
    writer = Registry()
    adopt(cls, name="c", registry=writer)
    versionpickle.allow(_called, registry=writer)
    registry.alias("c", versionpickle.migrations.Retired("c"))
    versionpickle.allow(_called, registry=registry)

    found = versionpickle.loads(versionpickle.dumps(cls(k=5), registry=writer), registry=registry)

    assert 5 == versionpickle.loads(versionpickle.dumps(found), registry=writer).k


def test_retired_versioned_class(registry):
    """A placeholder of a versioned class reads as its stamp says."""

    @versionpickle.versioned(version=7, name="to be retired")
    class Gone:
        pass

    obj = Gone()
    obj.a = 1
    data = pickle.dumps(obj)
    registry.alias("to be retired", versionpickle.migrations.Retired("to be retired"))

    found = versionpickle.loads(data, registry=registry)

    assert ({"a": 1}, 7) == (found.state, found.version)
    assert data == versionpickle.dumps(found)
    assert {"a": 1} == copy.deepcopy(found).state


def test_adoption_of_a_step_without_state(registry):
    """A class whose own state comes to nothing is left as it was made."""
    adopt(ForeignSet, version=2, registry=registry)
    migration(ForeignSet, 1, registry=registry)(lambda state: state)
    data = f"\x80\x02c{__name__}\nForeignSet\n)\x81.".encode("latin1")

    assert set() == versionpickle.loads(data, registry=registry)


def test_own_state_that_was_fields_before(registry):
    """A class that has a state of its own today may have had fields before."""
    writer = Registry()
    adopt(Apart, version=1, name="c", registry=writer)
    data = versionpickle.dumps(Apart(5), registry=writer)
    adopt(OwnState, version=2, name="c", registry=registry)
    migration(OwnState, 1, registry=registry)(lambda state: [state["a"]])

    assert versionpickle.loads(data, registry=registry).a == 5


def test_fields_that_were_own_state_before(registry):
    """And the other way round."""
    writer = Registry()
    adopt(OwnState, version=1, name="c", registry=writer)
    data = versionpickle.dumps(OwnState(5), registry=writer)
    adopt(SlotsApart, version=2, name="c", registry=registry)
    migration(SlotsApart, 1, registry=registry)(lambda state: {"a": state[0]})

    assert SlotsApart(5) == versionpickle.loads(data, registry=registry)


def test_own_state_refuses_none(registry):
    """A step that returns None is an error for them too."""
    adopt(OwnState, version=2, registry=registry)
    migration(OwnState, 1, registry=registry)(lambda state: None)

    with pytest.raises(StepError, match="it returned None"):
        versionpickle.loads(pickle.dumps(OwnState(1)), registry=registry)


def test_unadopted_is_refused():
    """What is not adopted, allowed or versioned is refused."""
    with pytest.raises(ForbiddenError):
        versionpickle.loads(pickle.dumps(Apart(1)))


def test_reducer_of_a_class_in_c(registry):
    """What copyreg was told of a class in C is asked still, in each registry."""
    adopt(re.Pattern)
    adopt(re.Pattern, version=2, registry=registry)
    pattern = re.compile("a+")

    for data, read in [
        (versionpickle.dumps(pattern), None),
        (versionpickle.dumps(pattern, registry=registry), registry),
    ]:
        found = versionpickle.loads(data, registry=read, allow=[re._compile])
        assert pattern == found


class Told:
    def __init__(self, a):
        self.a = a


def test_reducer_of_a_class_in_a_registry(registry):
    """Also of a class that one registry adopts for itself."""
    copyreg.pickle(Told, lambda obj: (Told, (obj.a * 2,)))
    adopt(Told, registry=registry)
    found = versionpickle.loads(versionpickle.dumps(Told(1), registry=registry), registry=registry)

    assert found.a == 2


def test_exception_in_c(registry):
    """An exception of the standard library can be adopted."""
    adopt(ValueError, registry=registry)
    error = ValueError("m", 1)
    found = versionpickle.loads(versionpickle.dumps(error, registry=registry), registry=registry)

    assert (ValueError, ("m", 1)) == (type(found), found.args)


@pytest.mark.parametrize("note", [None, "n"])
def test_retired_named_tuple(registry, note):
    """A placeholder of a named tuple has its values by name, and is written as it was read."""
    writer = Registry()
    adopt(Pair, name="m:Pair", registry=writer)
    pair = Pair(1, 2)
    if note:
        pair.note = note
    data = versionpickle.dumps([pair, pair], registry=writer)
    retire("m:Pair", registry=registry)

    found, again = versionpickle.loads(data, registry=registry)

    assert found is again
    assert {"x": 1, "y": 2, **({"note": note} if note else {})} == found.state
    assert found.version == 1
    back = versionpickle.loads(versionpickle.dumps([found, found]), registry=writer)
    assert ((1, 2), vars(pair)) == (back[0], vars(back[0]))


class Pair(collections.namedtuple("Pair", "x y")):
    pass


@pytest.mark.parametrize(
    "call",
    [
        lambda: versionpickle.loads(b"N.", registry="x"),
        lambda: versionpickle.dumps(1, registry="x"),
        lambda: versionpickle.inspect(b"N.", registry="x"),
        lambda: versionpickle.Pickler(io.BytesIO(), registry="x"),
        lambda: versionpickle.alias("m:a", int, registry="x"),
        lambda: retire("m:b", registry="x"),
    ],
)
def test_no_registry(call):
    """What is no registry is told by the call that got it."""
    with pytest.raises(TypeError, match="registry= takes a versionpickle.Registry, not 'x'"):
        call()


def test_false_meanings(registry):
    """A name can mean what is false, but not None."""
    versionpickle.alias("m:empty", (), registry=registry)

    assert versionpickle.loads(b"cm\nempty\n.", registry=registry) == ()
    with pytest.raises(DeclarationError, match="cannot mean None"):
        versionpickle.alias("m:none", None, registry=registry)


@pytest.mark.parametrize("transient", ["x", ["x", "y"]])
def test_transient_fields_of_a_whole(registry, transient):
    """What is stored as a whole has no transient fields."""

    class Own:
        def __getstate__(self):
            return {"x": 1}

    for cls in (collections.namedtuple("Whole", "x y"), Own):
        with pytest.raises(DeclarationError, match="stored as a whole"):
            adopt(cls, transient=transient, registry=registry)


class Structure(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int),)


def test_metaclass_in_c():
    """A class on which nothing can be put is refused, with what to do instead."""
    with pytest.raises(DeclarationError, match=r"Structure: its metaclass .*; allow\(\)"):
        adopt(Structure)

    data = pickle.dumps(Structure(3))
    assert 3 == versionpickle.loads(data, allow=[Structure, "_ctypes:_unpickle"]).x
