"""pydantic models are stored by fields, and upgraded ones validated."""

from __future__ import annotations

import copy
import functools
import pickle

from typing import Any, Generic, TypeVar

import attrs
import pydantic
import pytest

import versionpickle

from versionpickle import Registry, Versioned, adopt, migration, versioned
from versionpickle.exceptions import (
    DeclarationError,
    FieldsError,
    InvalidObjectError,
    StepError,
)
from versionpickle.migrations import add, convert, remove, rename


T = TypeVar("T")


class Tagged(pydantic.BaseModel):
    name: str
    tags: list[str] = []
    note: str | None = None


class Open(pydantic.BaseModel, extra="allow"):
    name: str


class Private(pydantic.BaseModel):
    name: str
    _seen: list[int] = pydantic.PrivateAttr(default_factory=list)

    @functools.cached_property
    def shouted(self) -> str:
        return self.name.upper()


class Frozen(pydantic.BaseModel, frozen=True):
    name: str


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Boxed(pydantic.BaseModel, Generic[T]):
    held: T


class Child(Tagged):
    age: int = 3


class Based(Versioned, pydantic.BaseModel, version=2):
    name: str


MODELS = [
    Tagged(name="a", tags=["x"]),
    Open(name="a", colour="red"),
    Private(name="a"),
    Frozen(name="a"),
    Numbers([1, 2]),
    Boxed[int](held=1),
    Child(name="a"),
    Based(name="a"),
]
for model in MODELS[:-1]:
    if not hasattr(type(model), "__versionpickle__"):
        adopt(type(model))


def stored_as(cls):
    """A function that pickles objects of *cls* as version 1 of "model"."""
    writer = Registry()
    adopt(cls, name="model", registry=writer)
    return lambda obj: versionpickle.dumps(obj, registry=writer)


@pytest.mark.parametrize("obj", MODELS, ids=lambda obj: type(obj).__name__)
@pytest.mark.parametrize(
    "again",
    [
        lambda obj: pickle.loads(pickle.dumps(obj)),
        lambda obj: versionpickle.loads(versionpickle.dumps(obj, 2)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_model_round_trip(obj, again):
    """Fields, extra and private ones, and which of them were set, come back."""
    back = again(obj)

    assert obj == back
    assert obj.model_fields_set == back.model_fields_set
    assert obj.model_extra == back.model_extra


def test_cached_property_is_not_stored():
    """What can be computed again is not stored."""
    obj = Private(name="a")
    obj._seen.append(1)
    assert obj.shouted == "A"
    back = pickle.loads(pickle.dumps(obj))

    assert "shouted" not in back.__dict__
    assert back._seen == [1]


def test_steps(registry):
    """A step sees the fields of a model as those of any class."""

    @versioned(version=2, name="model", registry=registry)
    class Now(pydantic.BaseModel):
        title: str
        tags: list[str]
        note: str | None
        added: int = 5
        computed: str = pydantic.Field(default_factory=lambda data: data["title"] + "!")
        _count: int = pydantic.PrivateAttr(7)

    migration(Now, 1, rename("name", "title"))
    data = stored_as(Tagged)(Tagged(name="a"))

    found = versionpickle.loads(data, registry=registry)

    assert ("a", [], None, 5, "a!", 7) == (
        found.title,
        found.tags,
        found.note,
        found.added,
        found.computed,
        found._count,
    )
    assert {"title"} == found.model_fields_set


@pytest.mark.parametrize("step", [convert("name", len), lambda state: {**state, "name": 1}])
def test_validation(registry, step):
    """An upgraded model is validated, and converted, as a new one is."""

    @versioned(version=2, name="model", registry=registry)
    class Now(pydantic.BaseModel):
        name: int = pydantic.Field(alias="theName", lt=3)

    operations = (step, remove("tags", "note"))
    if callable(step):
        migration(Now, 1, to=2)(lambda state: {"name": str(len(state["name"]))})
    else:
        migration(Now, 1, *operations)
    store = stored_as(Tagged)

    assert versionpickle.loads(store(Tagged(name="ab")), registry=registry).name == 2
    with pytest.raises(InvalidObjectError, match="less than 3"):
        versionpickle.loads(store(Tagged(name="abc")), registry=registry)


def test_extra_fields_are_validated_too(registry):
    """A model that allows further fields keeps those it had."""

    @versioned(version=2, name="model", registry=registry)
    class Now(pydantic.BaseModel, extra="allow"):
        name: str
        age: int = 0

    migration(Now, 1, add("age", "3"))
    found = versionpickle.loads(stored_as(Open)(Open(name="a", colour="red")), registry=registry)

    assert ({"colour": "red"}, 3) == (found.model_extra, found.age)


def test_fields_are_compared(registry):
    """A changed model without a new version is an error."""

    @versioned(name="model", registry=registry)
    class Now(pydantic.BaseModel):
        title: str

    with pytest.raises(FieldsError, match="changed without a new version"):
        versionpickle.loads(stored_as(Frozen)(Frozen(name="a")), registry=registry)


def test_no_private_attributes(registry):
    """pydantic 1 stored an empty dict for those that pydantic 2 has None for."""

    @versioned(registry=registry)
    class Now(pydantic.BaseModel):
        title: str

    found = Now.__new__(Now)
    state = {"__dict__": {"title": "a"}, "__fields_set__": {"title"}}
    found.__setstate__({**state, "__private_attribute_values__": {}})

    assert Now(title="a") == found
    assert found.__pydantic_private__ is None


@pytest.mark.parametrize(
    "state",
    [
        {
            "__dict__": {"name": "a"},
            "__pydantic_fields_set__": {"name"},
            "__pydantic_extra__": None,
            "__pydantic_private__": {"_seen": [1]},
        },
        {
            "name": "a",
            "__pydantic_fields_set__": {"name"},
            "__pydantic_private__": {"_seen": [1]},
        },
        {
            "__dict__": {"name": "a"},
            "__fields_set__": {"name"},
            "__private_attribute_values__": {"_seen": [1]},
        },
    ],
    ids=["pydantic 2", "by name", "pydantic 1"],
)
def test_unstamped_models(registry, state):
    """What pydantic itself stored is understood, also that of its first version."""

    @versioned(version=2, formerly=f"{__name__}:Private", registry=registry)
    class Now(pydantic.BaseModel):
        title: str
        _seen: list[int] = pydantic.PrivateAttr(default_factory=list)

    migration(Now, 1, rename("name", "title"))
    instrumentation = Now.__versionpickle__
    found = Now.__new__(Now)
    instrumentation.restore(found, state)

    assert ("a", [1], {"title"}) == (found.title, found._seen, found.model_fields_set)


def test_unstamped_bytes(registry):
    """In bytes as well."""

    class Plain(pydantic.BaseModel):
        name: str

    Plain.__qualname__ = "PlainModel"
    globals()["PlainModel"] = Plain
    data = pickle.dumps(Plain(name="a"))
    versioned(version=2, registry=registry)(Plain)
    migration(Plain, 1, convert("name", str.upper))

    assert versionpickle.loads(data, registry=registry).name == "A"


def test_transient(registry):
    """A field can be left out of the pickle."""

    @versioned(transient="cache", name="transient model", registry=registry)
    class Model(pydantic.BaseModel):
        name: str
        cache: Any = None

    found = pickle.loads

    data = versionpickle.dumps(Model(name="a", cache=object))
    found = versionpickle.loads(data, registry=registry)

    assert found.cache is None
    with pytest.raises(DeclarationError, match="no default to come back as"):
        versioned(transient="name", registry=registry)(Frozen)


def test_model_that_is_attrs_now(registry):
    """A step leads from a model to another kind of class."""

    @versioned(version=2, name="model", registry=registry)
    @attrs.define
    class Now:
        name: str

    kept_by_pydantic = [f"__pydantic_{name}__" for name in ("fields_set", "extra", "private")]
    migration(Now, 1, remove(*kept_by_pydantic))

    assert Now("a") == versionpickle.loads(stored_as(Frozen)(Frozen(name="a")), registry=registry)


def load(old, new, obj, step=lambda state: state):
    writer, reader = Registry(), Registry()
    versioned(name="model", registry=writer)(old)
    versioned(version=2, name="model", registry=reader)(new)
    migration(new, 1)(step)
    return versionpickle.loads(versionpickle.dumps(obj, registry=writer), registry=reader)


def test_root_model():
    """The root of a root model is itself."""

    class Old(pydantic.RootModel[dict[str, Any]]):
        pass

    class New(pydantic.RootModel[dict[str, Any]]):
        pass

    def with_b(state):
        if state["root"] != {"a": 1}:
            state["root"] = {"b": "2"}
        return state

    found = load(Old, New, [Old({"a": 1}), Old({})], with_b)

    assert [{"a": 1}, {"b": "2"}] == [model.root for model in found]


def test_converted_once():
    """What no step touched is as it was: it has been converted, and is shared."""

    class Old(pydantic.BaseModel):
        data: pydantic.Base64Bytes
        items: list[int] = []

    class New(pydantic.BaseModel):
        data: pydantic.Base64Bytes
        items: list[int] = []
        tags: list[str] = None

    shared = [1]
    first = Old(data=b"YUdWc2JHOD0=")
    first.items = shared

    found = load(Old, New, [first, first.model_copy()])

    assert [b"aGVsbG8="] * 2 == [model.data for model in found]
    assert found[0].items is found[1].items
    assert found[0].tags is None


def test_extra_that_is_a_field_now():
    """An extra field becomes the field of its name."""

    class Old(pydantic.BaseModel, extra="allow"):
        a: int = 0

    class New(pydantic.BaseModel, extra="allow"):
        a: int = 0
        colour: str = "blue"

    found = load(Old, New, Old(colour="red", size=3))

    assert ("red", {"size": 3}, {"colour"}) == (
        found.colour,
        found.model_extra,
        found.model_fields_set,
    )


@pytest.mark.parametrize(("given", "is_set"), [({}, False), ({"a": 5}, True)])
def test_renamed_field_is_set_as_it_was(given, is_set):
    """A field that was never set is not set by its new name."""

    class Old(pydantic.BaseModel):
        a: int = 1000

    class New(pydantic.BaseModel):
        b: int = 1000

    found = load(Old, New, Old(**given), lambda state: {"b": state.pop("a"), **state})

    assert is_set == ("b" in found.model_fields_set)


def test_private_default_and_dataclass_default():
    """New private attributes, and new fields of pydantic's dataclasses, get their defaults."""

    class Old(pydantic.BaseModel):
        a: int

    class New(pydantic.BaseModel):
        a: int
        _made: list = pydantic.PrivateAttr(default_factory=list)
        _plain: int = pydantic.PrivateAttr(7)
        _unset: int = pydantic.PrivateAttr()

    found = load(Old, New, Old(a=1))
    assert ([], 7) == (found._made, found._plain)
    with pytest.raises(AttributeError):
        _ = found._unset

    @pydantic.dataclasses.dataclass
    class OldData:
        a: int

    @pydantic.dataclasses.dataclass
    class NewData:
        a: int
        b: int = pydantic.Field(default=3)

    assert load(OldData, NewData, OldData(1)).b == 3


@pytest.mark.parametrize("field", [{}, {"frozen": True}])
def test_frozen_model(field):
    """What the steps give a frozen model is validated as well; the rest is left alone."""

    class Old(pydantic.BaseModel):
        a: int
        data: pydantic.Base64Bytes = b"YUdWc2JHOD0="

    class New(pydantic.BaseModel, frozen=not field):
        a: int = pydantic.Field(lt=9, **field)
        data: pydantic.Base64Bytes

    def step(state):
        return {**state, "a": {1: "2", 2: "bad", 3: "3"}[state["a"]]}

    old = Old(a=1, data=b"YUdWc2JHOD0=")
    assert load(Old, New, old, step).a == 2
    unlike = old.model_copy(update={"a": 3, "data": 5})
    writer, reader = Registry(), Registry()

    class OldAgain(Old):
        pass

    class NewAgain(New):
        pass

    versioned(name="again", registry=writer)(OldAgain)
    versioned(version=2, name="again", registry=reader)(NewAgain)
    migration(NewAgain, 1)(step)
    made = OldAgain.model_construct(**unlike.__dict__)
    found = versionpickle.loads(versionpickle.dumps(made, registry=writer), registry=reader)
    assert (3, 5) == (found.a, found.data)
    made = OldAgain.model_construct(a=2, data=old.data)
    with pytest.raises(InvalidObjectError, match="valid integer"):
        versionpickle.loads(versionpickle.dumps(made, registry=writer), registry=reader)


@pytest.mark.parametrize(
    ("state", "error"), [({"__dict__": {"name": "a"}}, None), ((1, 2, 3), StepError)]
)
def test_unstamped_of_today(registry, state, error):
    """Where no version has passed, the fields are taken as they are, if they are fields."""
    adopt(Frozen, registry=registry)
    instrumentation = registry.declared(f"{__name__}:Frozen").instrumentation
    found = Frozen.__new__(Frozen)
    if error is None:
        instrumentation.restore(found, state)
        assert found == Frozen(name="a")
        return
    with pytest.raises(error):
        instrumentation.restore(found, state)
