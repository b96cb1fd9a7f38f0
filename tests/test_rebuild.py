"""Objects that can only be made, and not filled."""

from __future__ import annotations

import collections
import datetime
import enum
import pickle

import pytest

import versionpickle

from versionpickle import adopt, migration
from versionpickle.exceptions import (
    CycleError,
    DeclarationError,
    PlainLoadError,
    StampError,
    StepError,
    UnpicklableError,
)
from versionpickle.migrations import add, become, convert, name_arguments, rename


class Offset:
    """Interned by its minutes: there is one object of each."""

    known: dict[int, Offset] = {}

    def __init__(self, minutes=0):
        self.minutes = minutes


def interned(args, state):
    made = Offset(state["minutes"])
    made.note = state.get("note")
    return Offset.known.setdefault(made.minutes, made)


@pytest.fixture
def adopted(registry):
    Offset.known.clear()
    adopt(Offset, version=2, rebuild=interned, registry=registry)
    migration(Offset, 1, convert("minutes", abs), registry=registry)
    return registry


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_references_lead_to_what_is_made(adopted, protocol):
    """Wherever the old object was referred to, the new one stands."""
    obj, other = Offset(-60), Offset(5)
    other.note = [other, {"k": other}]
    data = pickle.dumps(
        [obj, (obj, [obj]), {"a": obj, "b": [{1: obj}]}, {obj: 1}, {obj}, frozenset([obj]), other],
        protocol,
    )
    found = versionpickle.loads(data, registry=adopted)
    made = found[0]

    assert made is Offset.known[60]
    assert made is found[1][0] is found[1][1][0] is found[2]["a"] is found[2]["b"][0][1]
    assert [made] == list(found[3]) == list(found[4]) == list(found[5])
    assert found[6] is found[6].note[0] is found[6].note[1]["k"]


def test_rebuilt_stamped(registry):
    """Stamped ones are made by the same function, by plain pickle too."""
    Offset.known.clear()
    adopt(Moment, rebuild=lambda args, state: Moment(**state), name="rebuild moment")
    moment = Moment(3)
    for load in (pickle.loads, versionpickle.loads):
        one, other = load(pickle.dumps([moment, moment]))
        assert one is other
        assert one.hour == 3
    with pytest.raises(PlainLoadError, match="versionpickle.loads"):
        pickle.loads(UNSTAMPED_MOMENT)
    assert versionpickle.loads(UNSTAMPED_MOMENT).hour == 4


class Moment:
    def __init__(self, hour):
        self.hour = hour


class LateMoment(Moment):
    """A subclass, which says nothing itself."""


class UntoldMoment(Moment):
    """A subclass of which nobody told us."""


UNSTAMPED_MOMENT = pickle.dumps(Moment(4))


UNSTAMPED_UNTOLD = pickle.dumps(UntoldMoment(6))


@pytest.mark.parametrize("cls", [LateMoment, UntoldMoment])
def test_subclass(cls):
    """A subclass of such a class is filled as any other."""
    if cls is UntoldMoment:
        del cls.__versionpickle__, cls.__reduce_ex__, cls.__setstate__
    late = pickle.loads(pickle.dumps(cls(5)))

    assert type(late) is cls
    assert late.hour == 5


def test_unstamped_subclass():
    """Also without a stamp."""
    if "__versionpickle__" in vars(UntoldMoment):
        del UntoldMoment.__versionpickle__, UntoldMoment.__reduce_ex__, UntoldMoment.__setstate__

    assert pickle.loads(UNSTAMPED_UNTOLD).hour == 6


def test_old_stamp(registry):
    """Steps run before the object is made."""
    writer = versionpickle.Registry()
    adopt(Offset, name="offset", rebuild=interned, registry=writer)
    data = versionpickle.dumps([Offset(7)], registry=writer)
    adopt(
        Offset,
        version=2,
        name="offset",
        rebuild=lambda args, state: (args, state),
        registry=registry,
    )
    migration(Offset, 1, rename("minutes", "amount"), registry=registry)

    assert [((), {"amount": 7})] == versionpickle.loads(data, registry=registry)


class Delay(datetime.timedelta):
    pass


def test_class_in_c(registry):
    """A class written in C can be one."""
    adopt(
        datetime.timedelta,
        rebuild=lambda args, state: Delay(*args),
        registry=registry,
    )
    hour = datetime.timedelta(hours=1)

    assert Delay(hours=1) == versionpickle.loads(pickle.dumps(hour), registry=registry)
    with pytest.raises(UnpicklableError, match=r"makes datetime|makes .*Delay"):
        versionpickle.dumps(hour, registry=registry)


class Colour(enum.Enum):
    RED = 2
    BLUE = 1


def test_renumbered_enum(registry):
    """Unstamped members of a renumbered enum are found by what they were."""
    data = pickle.dumps(Colour.BLUE)  # which was RED, once
    adopt(Colour, version=2, rebuild=lambda args, state: Colour(3 - args[0]), registry=registry)

    assert versionpickle.loads(data, registry=registry) is Colour.RED


class Single:
    def __reduce__(self):
        return "SINGLE"


SINGLE = Single()


def test_rebuilt_singleton(registry):
    """One that is stored by name stays so; an old one that was not becomes the live one."""
    old = pickle.dumps(Offset(1)).replace(b"Offset", b"Single")
    adopt(Single, rebuild=lambda args, state: SINGLE, registry=registry)

    assert versionpickle.loads(old, registry=registry) is SINGLE
    assert versionpickle.loads(
        versionpickle.dumps(SINGLE, registry=registry), registry=registry
    ) is (SINGLE)


def test_failing_function(registry):
    """An error of the function names the class and the object."""
    adopt(Offset, rebuild=lambda args, state: state["missing"], registry=registry)
    with pytest.raises(StepError, match="rebuild= function failed: KeyError") as caught:
        versionpickle.loads(pickle.dumps([Offset(1)]), registry=registry)

    assert caught.value.path == "obj[0]"


def test_cycle_through_a_tuple(adopted):
    """What must be whole before it is made, and holds itself, cannot be."""
    obj = Offset(1)
    obj.note = ([], obj)
    data = pickle.dumps([obj])
    with pytest.raises(CycleError) as caught:
        versionpickle.loads(data, registry=adopted)

    assert caught.value.member == "obj[0]"


def test_cycle_of_a_stamped_object():
    """It cannot be stamped either: the error shows the way round."""
    adopt(Looped, rebuild=looped)
    obj = Looped()
    obj.held = (obj,)
    with pytest.raises(UnpicklableError, match="part of what it is made from") as caught:
        versionpickle.dumps({"a": obj})

    assert caught.value.path.startswith("obj['a'].__reduce_ex__(4)[1][2]")
    assert caught.value.path.count("held") == 1


class Looped:
    pass


def looped(args, state):
    made = Looped()
    made.__dict__.update(state)
    return made


class Price:
    def __init__(self, cents):
        self.cents = cents


class Unit:
    known: dict[tuple[str], Unit] = {}

    def __init__(self, name):
        self.name = name

    def __getnewargs_ex__(self):
        return (self.name,), {"is_si": True}


Unit.known["km",] = Unit("km")

OLD_PRICE = (
    b"\x80\x02ctest_rebuild\nPrice\n)\x81}X\x06\x00\x00\x00amountG?\xf8\x00\x00\x00\x00\x00\x00sb."
)


def of_amount(args, state):
    return Price(round(state["amount"] * 100))


class TestToday:
    """What is dumped comes back as it was, or is refused."""

    @pytest.mark.parametrize(
        ("rebuild", "problem"),
        [
            (of_amount, "fails for it .KeyError: 'amount'"),
            (lambda args, state: Price(0), "makes another object"),
            (lambda args, state: Price(str(state["cents"])), "makes another object"),
            (lambda args, state: 5, "makes 5 of it"),
        ],
    )
    def test_refused(self, registry, rebuild, problem):
        adopt(Price, rebuild=rebuild, registry=registry)

        with pytest.raises(UnpicklableError, match=problem) as caught:
            versionpickle.dumps(Price(7), registry=registry)
        assert "rebuild={1: function}" in str(caught.value)

    @pytest.mark.parametrize("protocol", range(6))
    def test_of_arguments(self, registry, protocol):
        """It may return the very object that is dumped, found by its arguments."""
        adopt(Unit, rebuild=lambda args, state: Unit.known[args], registry=registry)
        data = versionpickle.dumps(Unit.known["km",], protocol, registry=registry)

        assert Unit.known["km",] is versionpickle.loads(data, registry=registry)

    def test_of_one_version(self, registry):
        """A function of an old version makes its objects alone."""
        adopt(Price, 2, rebuild={1: of_amount}, registry=registry)

        price = versionpickle.loads(OLD_PRICE, registry=registry)
        data = versionpickle.dumps([price, Price(7)], registry=registry)

        assert [150, 7] == [obj.cents for obj in versionpickle.loads(data, registry=registry)]

    def test_of_one_version_with_a_stamp(self, registry):
        was = versionpickle.Registry()
        adopt(Price, name="price", registry=was)
        adopt(
            Price, 3, name="price", rebuild={1: lambda a, s: Price(-s["cents"])}, registry=registry
        )
        migration(Price, 2, add("cents", 0), registry=registry)
        data = versionpickle.dumps(Price(7), registry=was)

        assert versionpickle.loads(data, registry=registry).cents == -7

    def test_of_one_version_by_plain_pickle(self):
        """It cannot replace what it has made."""
        adopt(Price, 2, rebuild={1: of_amount})

        with pytest.raises(PlainLoadError, match="load it with versionpickle.loads"):
            pickle.loads(OLD_PRICE)

    @pytest.mark.parametrize("wrong", [{3: of_amount}, {1: 5}])
    def test_wrong_mapping(self, registry, wrong):
        with pytest.raises(DeclarationError, match="rebuild"):
            adopt(Price, 2, rebuild=wrong, registry=registry)


class TestNameThatIsGone:
    """A function can make the objects under an old name, with a stamp or without."""

    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("how", [{}, {"limits": versionpickle.Limits()}])
    def test_unstamped(self, registry, protocol, how):
        adopt("gone_for_good:Code", rebuild=lambda args, state: (args, state), registry=registry)
        code = Code("AB7")
        code.country = "DE"
        module = b"gone_for_good"
        data = pickle.dumps(code, protocol).replace(b"test_rebuild", module)
        data = data.replace(b"\x8c\x0cgone", b"\x8c\x0dgone")
        if protocol >= 4:
            data = data[:3] + (len(data) - 11).to_bytes(8, "little") + data[11:]

        found = versionpickle.loads(data, registry=registry, **how)

        assert (("AB7",), {"country": "DE"}) == found

    def test_stamped(self, registry):
        was = versionpickle.Registry()
        adopt(Price, name="test:gone", registry=was)
        data = versionpickle.dumps([Price(7)], registry=was)
        adopt("test:gone", rebuild=lambda args, state: state["cents"], registry=registry)

        assert [7] == versionpickle.loads(data, registry=registry)


class Code(str):
    pass


def test_not_a_function(registry):
    """rebuild= is a function."""
    with pytest.raises(DeclarationError, match="is not a function"):
        adopt(Offset, rebuild=3, registry=registry)


def test_tampered(adopted):
    """A stamp is followed by arguments and a state."""
    stamp = adopted.declared(f"{__name__}:Offset").instrumentation.codec._stamp

    with pytest.raises(StampError):
        versionpickle._rebuild(stamp, [], None)


class Holder:
    """Is filled, and holds what is made of its state."""


def test_a_cycle_through_another_object(adopted):
    """What was filled earlier waits for the object that takes the place."""
    obj, holder = Offset(-5), Holder()
    obj.note, holder.obj = holder, obj

    found = versionpickle.loads(pickle.dumps(obj, 2), registry=adopted, allow=[Holder])

    assert found.note.obj is found


def test_a_cycle_of_two_that_are_made(adopted):
    """Neither can be first."""
    obj, other = Offset(-5), Offset(-6)
    obj.note, other.note = other, obj

    with pytest.raises(CycleError, match="and needs it or its hash"):
        versionpickle.loads(pickle.dumps(obj, 2), registry=adopted)


@pytest.mark.parametrize("limits", [None, versionpickle.Limits()])
def test_a_cycle_through_a_copy(adopted, limits):
    """A call that would copy a dict without the object is an error, and no copy with None."""
    obj = Offset(-5)
    obj.note = collections.Counter(obj=obj)

    with pytest.raises(CycleError, match="Counter is part of the whole"):
        versionpickle.loads(pickle.dumps(obj, 2), registry=adopted, limits=limits)


class Tag:
    """Made of an argument with a name, too."""

    def __new__(cls, text="", *, lang="en"):
        made = super().__new__(cls)
        made.held = text, lang
        return made

    def __getnewargs_ex__(self):
        return self.held[:1], {"lang": self.held[1]}

    def __getstate__(self):
        return None


class Words(collections.namedtuple("Words", "text lang", defaults=("en",))):
    """What such an object may be today."""

    __slots__ = ()


def tagged(args, state):
    return Tag.__new__(Tag, *args, **args.keywords)


@pytest.fixture
def tags(registry):
    adopt(Tag, name="tag", rebuild=tagged, registry=registry)
    return registry


class TestArgumentsWithNames:
    @pytest.mark.parametrize("protocol", [4, 5])
    def test_unstamped(self, tags, protocol):
        data = pickle.dumps(Tag("Wort", lang="de"), protocol)

        assert ("Wort", "de") == versionpickle.loads(data, registry=tags).held

    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("limits", [None, versionpickle.Limits()])
    def test_stamped(self, tags, protocol, limits):
        data = versionpickle.dumps([Tag("Wort", lang="de")], protocol, registry=tags)

        assert ("Wort", "de") == versionpickle.loads(data, registry=tags, limits=limits)[0].held

    def test_kept(self, tags):
        """A placeholder keeps them, and is written with them."""
        data = versionpickle.dumps(Tag("Wort", lang="de"), registry=tags)
        kept = versionpickle.loads(data, missing="keep", registry=versionpickle.Registry("empty"))

        assert kept.state is None
        written = versionpickle.dumps(kept)
        assert ("Wort", "de") == versionpickle.loads(written, registry=tags).held

    def test_made_by_the_class_today(self, tags):
        """The class is given them once it has no function any more."""
        data = versionpickle.dumps(Tag("Wort", lang="de"), registry=tags)
        now = versionpickle.Registry("now")
        adopt(Tag, name="tag", registry=now)

        assert ("Wort", "de") == versionpickle.loads(data, registry=now).held

    @pytest.mark.parametrize("stamped", [False, True])
    def test_named_by_a_step(self, tags, stamped):
        """A named tuple is made of them by their names; without a step, that is an error."""
        obj = Tag("Wort", lang="de")
        data = versionpickle.dumps(obj, registry=tags) if stamped else pickle.dumps(obj, 4)
        now = versionpickle.Registry("now")
        adopt(Words, version=2, name="tag", formerly=f"{__name__}:Tag", registry=now)
        migration(Words, 1, name_arguments("text", "lang"), registry=now)

        assert Words("Wort", "de") == versionpickle.loads(data, registry=now)

    def test_not_named(self):
        now = versionpickle.Registry("now")
        adopt(Words, formerly=f"{__name__}:Tag", registry=now)

        with pytest.raises(StepError, match=r"Words.*arguments with names.*name_arguments\("):
            versionpickle.loads(pickle.dumps(Tag("Wort", lang="de"), 4), registry=now)

    @pytest.mark.parametrize("stamped", [False, True])
    def test_of_an_object_that_becomes_one(self, tags, stamped):
        """The function of the class that it becomes gets them."""
        obj = Tag("Wort", lang="de")
        data = versionpickle.dumps(obj, registry=tags) if stamped else pickle.dumps(obj, 4)
        now = versionpickle.Registry("now")
        adopt(Words, name="words", rebuild=lambda args, _: (*args, args.keywords), registry=now)
        adopt(Tag, name="tag", version=2, registry=now)
        migration(Tag, 1, become({Words: 1}), registry=now)

        assert ("Wort", {"lang": "de"}) == versionpickle.loads(data, registry=now)
