"""Objects of every kind of class come back as they were."""

from __future__ import annotations

import copy
import copyreg
import pickle
import pickletools

import attrs
import pytest
import shapes

import versionpickle

from versionpickle import Versioned, migration, versioned
from versionpickle.exceptions import DeclarationError, FieldsError, UnreachableClassError
from versionpickle.migrations import add


every_kind = pytest.mark.parametrize("kind", shapes.MAKERS)
every_protocol = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))

COPIES = {
    "pickle": lambda obj: pickle.loads(pickle.dumps(obj)),
    "versionpickle": lambda obj: versionpickle.loads(
        versionpickle.dumps(obj), allow=[shapes.reduced_blank, shapes.set_both]
    ),
    "pickle in Python": lambda obj: pickle._loads(pickle._dumps(obj)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@every_kind
@every_protocol
def test_round_trip_of_each_kind(kind, protocol):
    """Values and type survive each protocol."""
    obj = shapes.MAKERS[kind]("one", [2])

    back = pickle.loads(pickle.dumps(obj, protocol))

    assert type(obj) is type(back)
    assert shapes.values(back) == ("one", [2])


@every_kind
@pytest.mark.parametrize("way", ["pickle", "versionpickle", "pickle in Python"])
def test_each_loader(kind, way):
    """Each pickler and unpickler does the same."""
    obj = shapes.MAKERS[kind]("one", [2])

    assert shapes.values(COPIES[way](obj)) == ("one", [2])


@pytest.mark.parametrize(
    ("kind", "is_own"),
    [
        ("AttrsSlots", False),
        ("DataclassFrozenSlots", False),
        ("Plain", False),
        ("Stateful", True),
        ("StatefulSlots", True),
        ("Newargs", False),
        ("NewargsEx", False),
        ("Reducing", True),
        ("ReducingWithSetter", True),
        ("ListOf", False),
        ("Failure", False),
    ],
)
def test_own_ways_are_kept(kind, is_own):
    """A class that reduces itself in a way of its own does so still."""
    shape = shapes.MAKERS[kind]("one", [2]).__class__.__versionpickle__.codec

    assert is_own == shape.layout.custom_reduce


@pytest.mark.parametrize("kind", sorted(shapes.MAKERS.keys() - {"ReducingWithSetter"}))
@pytest.mark.parametrize("way", ["copy", "deepcopy"])
def test_copies(kind, way):
    """A shallow copy shares the values, a deep one does not, and no step runs."""
    obj = shapes.MAKERS[kind]("one", [2])

    back = COPIES[way](obj)

    assert shapes.values(back) == ("one", [2])
    if kind not in {"Newargs", "NewargsEx", "Reducing", "Failure"}:
        assert (way == "copy") == (shapes.values(back)[1] is shapes.values(obj)[1])


@every_kind
def test_stamp_is_written_once(kind):
    """A stream holds a stamp once for each class, and names the class nowhere else."""
    data = pickle.dumps([shapes.MAKERS[kind](i, i) for i in range(3)])
    texts = [arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]

    assert texts.count("_revive") == 1
    assert kind == "ReducingWithSetter" or kind not in texts


# An object that is made from its arguments cannot be one of them.
@pytest.mark.parametrize("kind", sorted(shapes.MAKERS.keys() - {"Failure", "Newargs", "Reducing"}))
def test_cycle(kind):
    """An object that holds itself comes back holding itself."""
    held = []
    obj = shapes.MAKERS[kind]("one", held)
    held.append(obj)
    back = pickle.loads(pickle.dumps(obj))

    assert shapes.values(back)[1][0] is back


@pytest.mark.parametrize("kind", ["Slots", "SlotsAndDict", "AttrsSlots", "DataclassSlots"])
@pytest.mark.parametrize("way", COPIES)
def test_unset_slots_survive(kind, way):
    """A slot that holds nothing still does."""
    obj = shapes.MAKERS[kind](1, 2)
    del obj.a

    back = COPIES[way](obj)

    assert not hasattr(back, "a")
    assert back.b == 2


def test_unset_behind_getattr():
    """An unset slot is not filled with what __getattr__ makes up."""
    obj = shapes.Guarded(1, 2)
    del obj._a

    back = pickle.loads(pickle.dumps(obj))

    with pytest.raises(AttributeError):
        shapes.Guarded._a.__get__(back)
    assert back.a == "made-up _a"


@versioned
@attrs.define
class LateField:
    a: int
    late: int = attrs.field(init=False)


def test_unset_init_false_field():
    """A field that __init__ leaves unset may stay so."""
    back = pickle.loads(pickle.dumps(LateField(1)))

    assert not hasattr(back, "late")


@pytest.mark.parametrize(
    "kind",
    ["AttrsDict", "AttrsFrozenDict", "Dataclass", "Plain", "SlotsAndDict", "Mixed", "Bottom"],
)
@pytest.mark.parametrize("way", COPIES)
def test_extra_attributes_are_kept(kind, way):
    """What an object carries in its __dict__ beside its fields comes back."""
    obj = shapes.MAKERS[kind](1, 2)
    obj.__dict__["extra"] = "more"

    back = COPIES[way](obj)

    assert back.extra == "more"
    assert shapes.values(back) == (1, 2)


@pytest.mark.parametrize("kind", ["AttrsCachedSlots", "AttrsCachedDict"])
def test_cached_properties_are_not_stored(kind):
    """What can be computed again is."""
    obj = shapes.MAKERS[kind](1, 2)
    assert obj.both == (1, 2)

    data = pickle.dumps(obj)

    assert b"both" not in data
    assert pickle.loads(data).both == (1, 2)


@pytest.mark.parametrize("kind", ["AttrsHashed", "AttrsHashedDict"])
def test_cached_hash_is_forgotten(kind):
    """A hash from another process does not come along."""
    obj = shapes.MAKERS[kind]("text", 2)
    object.__setattr__(obj, "_attrs_cached_hash", 12345)

    back = pickle.loads(pickle.dumps(obj))

    assert hash(shapes.MAKERS[kind]("text", 2)) == hash(back)


def test_transient_fields_come_back_as_defaults():
    """A transient field is not stored, and gets its default."""
    obj = shapes.Transient(1, 2, cache="big")

    back = pickle.loads(pickle.dumps(obj))

    assert back.cache is None
    assert back.lock is not obj.lock
    assert obj.cache == "big"


@versioned(transient="cache")
class PlainTransient:
    cache = "the class's"


def test_transient_attribute_of_a_plain_class():
    """Without a declared default, the class's own attribute shows again."""
    obj = PlainTransient()
    obj.a, obj.cache = 1, "own"

    back = pickle.loads(pickle.dumps(obj))

    assert vars(back) == {"a": 1}
    assert back.cache == "the class's"


@versioned(transient="cache")
class SlotsTransient:
    __slots__ = ("a", "cache")


def test_transient_slot_of_a_plain_class():
    """A slot without a default comes back unset."""
    obj = SlotsTransient()
    obj.a, obj.cache = 1, "own"

    back = pickle.loads(pickle.dumps(obj))

    assert back.a == 1
    assert not hasattr(back, "cache")


@versioned(transient=("made", "doubled", "told"))
@attrs.define
class ComputedDefaults:
    a: int
    made: list = attrs.Factory(lambda self: [self.a], takes_self=True)
    doubled: int = attrs.field(default=3, converter=lambda value: value * 2)
    told: str = attrs.field(
        default="x",
        converter=attrs.Converter(
            lambda value, self, field: f"{value}{self.a}{field.name}",
            takes_self=True,
            takes_field=True,
        ),
    )


def test_defaults_are_made_as_attrs_makes_them():
    """Factories may take the object, and converters run on defaults."""
    assert ComputedDefaults(1) == pickle.loads(pickle.dumps(ComputedDefaults(1, [5], 7)))


def test_generic_alias_is_not_stored():
    """typing's __orig_class__ is no state."""
    obj = shapes.AttrsGeneric[int](1, 2)

    assert b"__orig_class__" not in pickle.dumps(obj)


def test_many_shapes_of_one_open_class():
    """A class without declared fields may have any attributes, even very many sets of them."""
    made = []
    for number in range(100):
        obj = shapes.Plain(1, 2)
        setattr(obj, f"attribute {number}", number)
        made.append(obj)
    made[50].__dict__[7] = "no text"

    back = pickle.loads(pickle.dumps(made))

    assert [vars(obj) for obj in made] == [vars(obj) for obj in back]


@pytest.mark.parametrize("slots", [True, False])
def test_decorated_below_is_not_stale(slots):
    """attrs may build the class anew above our decorator."""

    @attrs.define(slots=slots)
    @versioned(version=2, name=f"below {slots}")
    class Below:
        a: int

    assert type(pickle.loads(pickle.dumps(Below(1)))) is Below


def test_old_attrs_overwrites_setstate():
    """A class decorator that puts its own __setstate__ on the new class does not win."""

    @versioned(version=2, name="overwritten")
    @attrs.define(getstate_setstate=True, slots=False)
    class Above:
        a: int

    @attrs.define(getstate_setstate=True)
    @versioned(version=2, name="overwritten below")
    class Below:
        a: int

    migration(Below, 1, add("a", 5))
    blank = Below.__new__(Below)
    blank.__setstate__({})

    assert blank.a == 5
    assert Above(1) == pickle.loads(pickle.dumps(Above(1)))


class Base(Versioned, version=2, name="base"):
    pass


migration(Base, 1, add("based", value=True))


def test_attrs_subclass_does_not_shadow_the_base():
    """An attrs slotted subclass upgrades its base's old state too."""

    @attrs.define
    class Sub(Base, name="sub"):
        a: int
        based: bool = False

    blank = Sub.__new__(Sub)
    blank.__setstate__({"a": 1})

    assert Sub(1, based=True) == blank


def test_subclass_is_versioned():
    """A subclass of a versioned class is versioned, at 1 until it says otherwise."""

    @versioned(version=7, name="decorated base")
    class Decorated:
        pass

    @versioned(version=3, name="decorated sub")
    class Sub(Decorated):
        pass

    stamp, *_ = Sub().__reduce_ex__(4)

    assert (
        stamp.claim.ref,
        stamp.claim.version,
        stamp.claim.bases,
    ) == ("decorated sub", 3, (("decorated base", 7),))


def test_attrs_subclass_of_a_decorated_class():
    """Also where attrs builds the subclass twice."""

    @versioned(version=7, name="decorated attrs base")
    @attrs.define
    class Decorated:
        a: int

    @versioned(version=2, name="decorated attrs sub")
    @attrs.define
    class Sub(Decorated):
        b: int

    assert Sub(1, 2) == pickle.loads(pickle.dumps(Sub(1, 2)))


class Silent:
    def __init_subclass__(cls):
        """Call nobody."""


class Unnoticed(Silent, shapes.AttrsSlots):
    pass


def test_subclass_whose_making_nobody_noticed():
    """It is found by a load, as well as by a dump."""
    data = pickle.dumps(shapes.AttrsSlots(1, 2)).replace(
        b"\x11shapes:AttrsSlots", b"\x15test_shapes:Unnoticed"
    )
    registry = versionpickle.migrations.default_registry
    assert registry.declared("test_shapes:Unnoticed") is None

    with pytest.raises(versionpickle.exceptions.MissingStepError, match="AttrsSlots at version 1"):
        pickle.loads(data[:2] + data[11:])
    assert registry.declared("test_shapes:Unnoticed").is_implied


def test_name_that_is_no_class_is_not_taken_for_one():
    """What stands under an unknown name in a module may be no class of ours."""
    stamped = pickle.dumps(shapes.Plain(1, 2), 2)
    for name in (b"pickle:dumps", b"pickle:Pickler"):
        data = stamped.replace(
            b"\x0c\x00\x00\x00shapes:Plain", bytes([len(name)]) + b"\0\0\0" + name
        )
        with pytest.raises(versionpickle.exceptions.UnknownClassError):
            versionpickle.loads(data)


class OwnSubclassHook:
    seen: list = []

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__()
        cls.seen.append((cls.__name__, kwargs))


def test_own_init_subclass_still_runs():
    """A class keeps its own __init_subclass__."""
    versioned(OwnSubclassHook)

    class Child(OwnSubclassHook, flag=1):
        pass

    assert OwnSubclassHook.seen == [("Child", {"flag": 1})]
    assert Child.__versionpickle__.declaration.version == 1


class Untold(shapes.AttrsSlots):
    """A subclass that is not told of: its parent's hook finds it all the same."""


def test_subclass_that_slipped_through():
    """A subclass whose creation went unnoticed is not stored as its base."""
    del Untold.__versionpickle__, Untold.__reduce_ex__, Untold.__setstate__
    copyreg.dispatch_table.pop(Untold, None)  # where other tests have looked at all classes

    back = pickle.loads(pickle.dumps(Untold(1, 2)))

    assert type(back) is Untold


def test_restoring_a_subclass_that_slipped_through():
    """Nor is its unstamped state restored as its base's."""
    del Untold.__versionpickle__, Untold.__reduce_ex__, Untold.__setstate__
    copyreg.dispatch_table.pop(Untold, None)  # where other tests have looked at all classes
    blank = Untold.__new__(Untold)

    with pytest.raises(versionpickle.exceptions.MissingStepError, match="AttrsSlots at version 1"):
        blank.__setstate__({"a": 1, "b": 2})


class CallsSuper(shapes.Plain):
    def __reduce_ex__(self, protocol):
        self.reduced = True
        return super().__reduce_ex__(protocol)

    def __setstate__(self, state):
        super().__setstate__({**state, "restored": True})


class UntoldOwn(shapes.Stateful):
    pass


def test_subclass_with_its_own_state_that_slipped_through():
    """One that has a state of its own neither."""
    del UntoldOwn.__versionpickle__, UntoldOwn.__reduce_ex__, UntoldOwn.__setstate__
    shapes.Stateful(1, 2).__reduce_ex__(4)

    back = pickle.loads(pickle.dumps(UntoldOwn(1, 2)))

    assert type(back) is UntoldOwn


def test_own_methods_may_call_super():
    """A subclass's own methods reach what its base would do without us."""
    back = pickle.loads(pickle.dumps(CallsSuper(1, 2)))

    assert vars(back) == {"a": 1, "b": 2, "reduced": True, "restored": True}


def test_registered_reducer_is_honoured():
    """What copyreg was told of a class before us still makes its state."""

    @attrs.define
    class Registered:
        a: int

    copyreg.pickle(Registered, lambda obj: (Registered, (0,), {"told": obj.a}))
    versioned(version=2, name="registered")(Registered)

    stamp, *_ = Registered(1).__reduce_ex__(4)[1]
    assert Registered(1).__reduce_ex__(4)[2][1] == {"told": 1}
    assert stamp.claim.version == 2


def test_local_class_needs_a_name():
    """A class that no load could find is refused when it is pickled, not when it is loaded."""

    @versioned
    class Local:
        pass

    with pytest.raises(UnreachableClassError, match="give it a stable name") as caught:
        pickle.dumps(Local())
    assert caught.value.ref.endswith("<locals>.Local")
    copy.copy(Local())


def test_class_of_a_module_that_is_gone():
    """So is one whose module is not there any more."""
    cls = versioned(type("C", (), {"__module__": "no_such_module"}))

    with pytest.raises(UnreachableClassError, match="no_such_module is not imported"):
        pickle.dumps(cls())


def test_class_that_is_not_what_its_name_says():
    """A class that was replaced in its module is refused too."""
    cls = versioned(type("MAKERS", (), {"__module__": "shapes"}))

    with pytest.raises(UnreachableClassError, match="something else of that name"):
        pickle.dumps(cls())


@pytest.mark.parametrize(
    ("transient", "problem"),
    [("locks", "is not one of its fields"), ("a", "has no default to come back as")],
)
def test_impossible_transient(transient, problem):
    """A transient field must be there, and able to come back."""
    with pytest.raises(DeclarationError, match=problem):
        versioned(transient=transient)(attrs.make_class("C", {"a": attrs.field()}))


def test_impossible_transient_below_attrs():
    """Where the fields are not known yet, the first use complains."""

    @attrs.define
    @versioned(name="late", transient="locks")
    class Late:
        a: int

    with pytest.raises(DeclarationError, match="not one of its fields"):
        pickle.dumps(Late(1))


def test_forgotten_bump():
    """Changed fields under the same version are an error that says so."""

    @versioned(name="forgotten")
    @attrs.define
    class Before:
        a: int
        b: int

    data = pickle.dumps(Before(1, 2))
    versionpickle.migrations.default_registry._names.declared.pop("forgotten")

    @versioned(name="forgotten")
    @attrs.define
    class After:
        a: int
        c: int

    with pytest.raises(FieldsError) as caught:
        pickle.loads(data)

    assert (caught.value.missing, caught.value.leftover) == (("c",), ("b",))
    assert "without a new version" in str(caught.value)
