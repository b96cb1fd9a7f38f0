"""States, objects and upgrades for Hypothesis, and the laws that are tried with them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import itertools
import subprocess
import sys
import threading

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Optional, Protocol

import attrs
import hypothesis
import pydantic
import pytest

from hypothesis import settings
from hypothesis import strategies as st

import versionpickle.testing

from versionpickle import Registry, adopt, migration, versioned
from versionpickle._classes.describe import recorded
from versionpickle._classes.instrument import instrumentation_of
from versionpickle._project.schemas import write_schema
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import (
    DeclarationError,
    FieldsError,
    FutureVersionError,
    InvalidObjectError,
    ProjectError,
    StepError,
)
from versionpickle.migrations import add, convert, remove, rename, replace, require
from versionpickle.migrations._schema import Recorded, RecordedField, Schema
from versionpickle.testing import check_upgrades, objects, states, upgrades
from versionpickle.testing._old import instrumentation_for, upgraded


def anything(_):
    return True


def find(strategy, condition):
    """A small value, without a memory of earlier runs."""
    chosen = settings(database=None, deadline=None, max_examples=100)
    return hypothesis.find(strategy, condition, settings=chosen)


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Record what old versions of a class stored, in the project around the current folder."""
    (tmp_path / "pyproject.toml").write_text("[tool.versionpickle]\nmodules = ['m']\n")
    monkeypatch.chdir(tmp_path)

    def record(cls, *versions, bases=()):
        instrumentation = instrumentation_of(cls)
        old = [
            Recorded(
                number,
                None if fields is None else tuple(RecordedField(*one) for one in fields.items()),
                bases=bases,
            )
            for number, fields in enumerate(versions, 1)
        ]
        schema = Schema(
            ref_of(cls), (*old, recorded(instrumentation)), instrumentation.declaration.name
        )
        write_schema(tmp_path / "schemas", schema)

    return record


def order(version=2):
    """Make a class, of which no other test knows."""
    registry = Registry("tried")

    @versioned(version=version, name="order", registry=registry)
    @attrs.define
    class Order:
        number: int
        amount: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))

    return Order


# The names


def test_needs_no_hypothesis():
    """The module is there without Hypothesis, and says how to install it."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from versionpickle.testing import sample\n"
        "from versionpickle.testing import states"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True
    )

    assert "needs Hypothesis: pip install 'versionpickle[testing]'" in done.stderr


def test_missing_hypothesis(monkeypatch):
    """The sentence is that of an ImportError."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)

    with pytest.raises(ImportError, match="testing.states needs Hypothesis"):
        _ = versionpickle.testing.states


def test_no_such_name():
    """Other names are not there."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = versionpickle.testing.nonsense


def test_exports():
    """What is exported is there, sorted, and has a docstring."""
    assert sorted(versionpickle.testing.__all__) == versionpickle.testing.__all__
    assert all(
        getattr(versionpickle.testing, name).__doc__ for name in versionpickle.testing.__all__
    )


# Objects of old states


class Point(NamedTuple):
    x: int
    y: int = 0


class Color(enum.Enum):
    RED = 1


class Plain:
    pass


class Own:
    def __getstate__(self):
        return {"kept": self.value}

    def __setstate__(self, state):
        self.value = state["kept"]


class Made:
    pass


class Model(pydantic.BaseModel):
    amount: int
    memo: str = ""


def old_of(cls, **settings):
    return versioned(version=2, name=f"tried.{cls.__name__}", **settings)(cls)


for _cls in (Point, Color, Plain, Own, Model):
    old_of(_cls)
migration(Point, 1, rename("a", "x"))
migration(Color, 1)(lambda state: {"name": state["name"].upper()})
migration(Plain, 1, rename("a", "b"))
migration(Own, 1, rename("held", "kept"))
migration(Model, 1, rename("total", "amount"))


@pytest.mark.parametrize(
    ("cls", "state", "made"),
    [
        (Point, {"a": 3, "y": 4}, "Point(x=3, y=4)"),
        (Color, {"name": "red"}, "<Color.RED: 1>"),
        (Plain, {"a": 1}, "{'b': 1}"),
        (Own, {"held": 1}, "{'value': 1}"),
        (Model, {"total": 5}, "Model(amount=5, memo='')"),
    ],
)
def test_old_of_any_kind(cls, state, made):
    """A state of any kind of class takes the way of a pickle that held it."""
    found = upgraded(cls, 1, state)

    assert made == (repr(vars(found)) if cls in {Plain, Own} else repr(found))
    assert cls is not Model or found.model_fields_set == {"amount"}


def test_old_of_another_registry():
    """So does one of a class that another registry knows."""
    cls = order()
    migration(cls, 1, rename("no", "number"))

    assert cls(1, 2) == upgraded(cls, 1, {"amount": 2, "no": 1})


def test_old_of_rebuilt():
    """And one that a function makes of its state."""
    adopt(Made, rebuild=lambda args, state: (args, state))

    assert ((), {"a": 1}) == upgraded(Made, 1, {"a": 1})


def test_old_of_class_in_c():
    """A class that carries no instrumentation is known by its name."""
    adopt(itertools.repeat)

    assert instrumentation_for(itertools.repeat).cls is itertools.repeat


def test_old_errors():
    """Errors are those of the load."""
    cls = order()
    migration(cls, 1, rename("no", "number"))

    with pytest.raises(FieldsError, match="left over 'odd'"):
        upgraded(cls, 1, {"no": 1, "odd": 1})
    with pytest.raises(InvalidObjectError, match="instance_of|must be"):
        upgraded(cls, 1, {"no": 1, "amount": "1"})
    with pytest.raises(StepError, match="no field 'no'"):
        upgraded(cls, 1, {})
    with pytest.raises(FutureVersionError):
        upgraded(cls, 3, {})
    with pytest.raises(TypeError, match="a state is a dict of the fields, not 5"):
        upgraded(cls, 1, 5)
    with pytest.raises(DeclarationError, match="this class has no versions"):
        upgraded(int, 1, {})


@versioned(version=3, name="tried.base")
@attrs.define
class Base:
    base: int


@versioned(version=2, name="tried.derived")
@attrs.define
class Derived(Base):
    own: int


migration(Base, 1, add("base", 1))
migration(Base, 2, convert("base", lambda base: base + 10))
migration(Derived, 1, rename("mine", "own"))


def test_old_bases():
    """The bases are at today's versions, or at those that are told."""
    assert Derived(1, 2) == upgraded(Derived, 1, {"base": 1, "mine": 2})
    assert Derived(11, 2) == upgraded(Derived, 1, {"base": 1, "mine": 2}, bases={Base: 2})
    assert Derived(11, 2) == upgraded(Derived, 1, {"mine": 2}, bases={"tried.base": 1})


# States


def test_recorded_states(record):
    """States have the fields and types that were recorded."""
    cls = order()
    record(cls, {"no": "int", "tags": "list[float]", "day": "Annotated[date, 'd']"})

    assert {"no": 0, "tags": [], "day": datetime.date(2000, 1, 1)} == find(states(cls), anything)
    found = find(states(cls), lambda state: state["tags"])
    assert float is type(found["tags"][0])


def test_states_of_enums(record):
    """The state of a member is its name."""
    cls = versioned(version=2, name="color", registry=Registry())(enum.Enum("Color", ["RED"]))
    record(cls, {"red": "member", "blue": "member"})

    assert {"name": "blue"} == find(states(cls), lambda state: state["name"] != "red")
    assert {"name": "RED"} == find(states(cls, 2), anything)


def test_gone_type(record):
    """A type that is gone is told by name, with the cure, which works."""
    cls = order()
    record(cls, {"no": "int", "kind": "list[Kind]"})

    with pytest.raises(ProjectError, match=r"'Kind' is gone; pass .* types=\{'Kind': \.\.\.\}"):
        states(cls)
    given = {"Kind": st.just("made")}
    found = find(states(cls, types=given), lambda state: len(state["kind"]) == 2)
    assert {"no": 0, "kind": ["made", "made"]} == found
    whole = {"list[Kind]": st.just("whole")}
    assert {"no": 0, "kind": "whole"} == find(states(cls, types=whole), anything)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the type of its field 'no' is unknown; .* fields="),
        ("int[", r"means nothing today \(SyntaxError"),
        ("Callable[[int], Unknown]", "'Unknown' is gone"),
        ("Awkward", r"no values of the type Awkward .* types=\{'Awkward': "),
    ],
)
def test_odd_types(record, text, told):
    """A type that says nothing is told with the field."""
    cls = order()
    record(cls, {"no": text})

    with pytest.raises(ProjectError, match=told):
        states(cls)


class Awkward(Protocol):
    def method(self): ...


def test_no_record(record):
    """What is not recorded is told, and can be given."""
    cls = order(version=3)
    given = {"no": st.just(1)}
    record(cls, None)

    with pytest.raises(ProjectError, match="it declares no fields at version 1; give"):
        states(cls)
    with pytest.raises(ProjectError, match="no fields are recorded of its version 2; give"):
        states(cls, 2)
    with pytest.raises(ProjectError, match="fields= names no, and its version 3 had no such"):
        states(cls, 3, fields=given)
    assert {"no": 1} == find(states(cls, 2, fields=given), anything)
    assert {"number": 1, "amount": 0} == find(
        states(cls, 3, fields={"number": st.just(1)}), anything
    )


def test_broken_project(record, tmp_path):
    """A configuration that is no good is told."""
    cls = order()
    record(cls, {"no": "int"})
    (tmp_path / "pyproject.toml").write_text("[tool.versionpickle]\nmodules = 5\n")

    with pytest.raises(ProjectError, match="names no modules"):
        states(cls)


def test_project_around_the_class(tmp_path, monkeypatch):
    """The project is that of the class's file, wherever the tests run."""
    (tmp_path / "pyproject.toml").write_text("[tool.versionpickle]\nmodules = ['m']\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "around_the_class.py").write_text(
        "import versionpickle\n@versionpickle.versioned(version=2)\nclass C: a: int\n"
    )
    from around_the_class import C

    old = Recorded(1, (RecordedField("no", "int"),))
    write_schema(tmp_path / "schemas", Schema(ref_of(C), (old,)))

    assert {"no": 0} == find(states(C), anything)


# Objects


@attrs.define
class Node:
    nodes: list[Node]
    _up: Node | None = None
    kept: ClassVar[int] = 5


@attrs.define
class Odd:
    anything: Any
    literal: Literal["a", "b"]
    bounded: Annotated[int, "bounded"]
    numbers: tuple[int, ...]
    pair: tuple[int, str]
    names: frozenset[str]
    mapping: Mapping[str, int]
    sequence: Sequence[float]
    color: Color
    maybe: Optional[int]  # noqa: UP045 - as people write it
    point: Point


def test_objects_of_all_types():
    """Fields of all usual types get values."""
    found = find(objects(Odd), anything)

    assert found.literal in {"a", "b"}
    found.literal = "a"
    assert Odd(None, "a", 0, (), (0, ""), frozenset(), {}, [], Color.RED, 0, Point(0)) == found


def test_objects_that_hold_their_like():
    """A class may hold others of itself, and its own arguments are called by their aliases."""
    found = find(objects(Node), lambda node: node._up)

    assert Node([], Node([])) == found


def test_given_types():
    """Strategies that are given count before the types."""
    given = {"int": st.just(7), "Node": st.just("node")}

    assert 7 == find(objects(Odd, types=given), anything).bounded
    assert ["node"] == find(objects(Node, types=given), lambda node: node.nodes).nodes


def test_refused_objects():
    """What the constructor refuses is left out."""
    positive = attrs.make_class(
        "Positive", {"x": attrs.field(type=int, validator=attrs.validators.gt(3))}
    )

    assert 4 == find(objects(positive), anything).x


def test_objects_without_types():
    """An argument without a type is told, unless it has a default."""

    class Untyped:
        def __init__(self, a, b=5, **others):
            self.a, self.b = a, b

    with pytest.raises(ProjectError, match="the type of its field 'a' is unknown"):
        objects(Untyped)
    assert 5 == find(objects(Untyped, fields={"a": st.just(1)}), anything).b


def test_objects_of_texts():
    """A type that only its text tells is found in the class's module."""
    color, gone = attrs.field(type="Color"), attrs.field(type="gone", default=1)
    local = attrs.make_class("Local", {"a": color, "b": gone})

    with pytest.raises(ProjectError, match="'gone' is gone"):
        objects(local)
    assert Color.RED == find(objects(local, types={"gone": st.just(1)}), anything).a


def test_objects_of_enums_and_builtins():
    """Members and classes in C are objects, too."""
    assert Color.RED == find(objects(Color), anything)
    assert {} == find(objects(dict), anything)


# Upgrades


def test_upgrades(record):
    """Pairs of a state and its object, of all recorded versions or of one."""
    cls = order(version=3)
    migration(cls, 1, rename("no", "nr"), require("nr", lambda nr: nr > 3, "it is too small"))
    migration(cls, 2, rename("nr", "number"))
    record(cls, {"no": "int", "amount": "int | None"}, {"nr": "int"})

    numbers = {"no": st.sampled_from([1, 4]), "nr": st.just(9)}
    assert ({"nr": 9}, cls(9)) == find(upgrades(cls, 2, fields={"nr": st.just(9)}), anything)
    first = find(upgrades(cls, fields=numbers), lambda pair: "no" in pair[0])
    assert ({"no": 4, "amount": 0}, cls(4)) == first
    given = {"no": st.just(4), "amount": st.none() | st.just(5)}
    assert cls(4, 5) == find(upgrades(cls, 1, fields=given), anything)[1]


def test_failing_upgrade(record):
    """Any other failure of a step is told."""
    cls = order()
    migration(cls, 1, convert("number", lambda number: 1 // number))
    record(cls, {"number": "int"})

    with pytest.raises(StepError, match="ZeroDivisionError"):
        find(upgrades(cls), anything)


def test_no_old_versions(record):
    """Without old versions there is nothing to upgrade."""
    cls = order(version=1)

    with pytest.raises(ProjectError, match="no recorded versions before today's; give"):
        upgrades(cls)
    with pytest.raises(ProjectError, match="nothing is recorded of this class"):
        upgrades(order())


# Laws


def failing(cls, *args, **settings):
    with pytest.raises(AssertionError) as caught:
        check_upgrades(cls, *args, max_examples=50, **settings)
    return str(caught.value)


def test_laws_hold(record):
    """Steps that lose nothing pass, there and back."""
    cls = order(version=3)
    migration(cls, 1, rename("no", "number"), require("number", bool, "it is zero"))
    migration(cls, 2, add("amount", 5))
    record(cls, {"no": "int"}, {"number": "int"})

    check_upgrades(cls, max_examples=50)
    check_upgrades(cls, 2, max_examples=20)
    check_upgrades(cls, 3, max_examples=20)


def test_laws_of_bases(record):
    """States begin at the recorded versions of the bases."""
    record(Derived, {"mine": "int"}, bases=(("tried.base", 1),))

    check_upgrades(Derived, max_examples=20)


def test_failing_step(record):
    """A step that fails is told with the smallest state."""
    cls = order()
    migration(cls, 1, convert("number", lambda number: 1 // number))
    record(cls, {"number": "int"})

    text = failing(cls)

    assert f"{ref_of(cls)} at version 1: it does not load (StepError: " in text
    assert "ZeroDivisionError" in text
    assert "\n  the state {'number': 0}\n  step 1 -> 2 of" in text


def test_missing_step(record):
    """So is a hole in the chain."""
    cls = order(version=3)
    record(cls, {"number": "int"})

    assert "MissingStepError" in failing(cls)


def test_invalid(record):
    """What a validator refuses is a failure, unless that is allowed."""
    cls = order()
    migration(cls, 1)(lambda state: state)
    record(cls, {"number": "int", "amount": "int | None"})

    assert "the class refuses what the steps make (InvalidObjectError: " in failing(cls)
    check_upgrades(cls, allow_invalid=True, max_examples=20)
    check_upgrades(cls, fields={"amount": st.integers()}, max_examples=20)


def test_all_is_refused(record):
    """Where nothing passes, nothing was tested."""
    cls = order()
    migration(cls, 1, require("number", lambda number: False, "no"))
    record(cls, {"number": "int"})

    assert "refuses nearly all values; pass" in failing(cls)


def test_unknown_fields(record):
    """Strategies for fields that no version has are refused."""
    cls = order()
    record(cls, {"no": "int"})

    with pytest.raises(ProjectError, match="fields= names nil, odd, which no version has"):
        check_upgrades(cls, fields={"odd": st.none(), "nil": st.none(), "no": st.integers()})


def later(base=object, **settings):
    """Make a dataclass that sets an attribute beside its fields."""

    @versioned(version=2, name="later", registry=Registry(), **settings)
    @dataclasses.dataclass
    class Later(base):
        number: int
        lock: Any = dataclasses.field(default_factory=threading.Lock, repr=False)

        def __post_init__(self):
            self.cache = {}

    migration(Later, 1, rename("no", "number"))
    return Later


def test_attribute_of_the_constructor(record):
    """An attribute that only the constructor sets is told."""
    cls = later(transient="lock")
    record(cls, {"no": "int"})

    text = failing(cls, types={"Any": st.none()})

    assert "the attribute 'cache' is missing, and a newly constructed object has it" in text
    assert "{'no': 0}" in text


class Text:
    def __init__(self, text: str, size: int = 0):
        self.text = text


def test_attribute_of_an_argument():
    """So is one that the constructor is given."""
    registry = Registry()
    cls = versioned(version=2, name="text", registry=registry)(type("Text", (Text,), {}))
    migration(cls, 1, remove("old"))

    text = failing(cls, 1, fields={"old": st.just(1)})

    assert "the attribute 'text' is missing" in text


def test_further_attribute():
    """So is one too many."""
    registry = Registry()
    cls = versioned(version=2, name="text", registry=registry)(type("Text", (Text,), {}))
    migration(cls, 1, add("old", 1))

    text = failing(cls, 1, fields={"text": st.text()})

    assert "the attribute 'old' exists, but a newly constructed object has none" in text


def converted(**settings):
    registry = Registry()
    field = attrs.field(**settings)
    cls = versioned(version=2, name="converted", registry=registry)(
        attrs.make_class("C", {"a": field})
    )
    migration(cls, 1)(lambda state: state)
    return cls


def test_unconverted(record):
    """What a converter would have made is told."""
    cls = converted(type=int, converter=int)
    record(cls, {"a": "float"})

    text = failing(cls)

    assert "the attribute 'a' is 0.0, and a newly constructed object has 0" in text


def test_constructor_that_takes_other_values(record):
    """Nothing is compared with what a constructor makes of other values than it keeps."""
    cls = converted(type=str, converter=lambda text: [*text.split()])
    record(cls, {"a": "list[str]"})

    check_upgrades(cls, max_examples=20)


def test_constructor_that_refuses(record):
    """A constructor refuses as validators do."""

    @versioned(version=2, name="refusing", registry=Registry())
    @dataclasses.dataclass
    class Refusing:
        a: int

        def __post_init__(self):
            if self.a > 5:
                raise ValueError(self.a)

    migration(Refusing, 1)(lambda state: state)
    record(Refusing, {"a": "int"})

    assert "the class refuses what the steps make (ValueError: 6)" in failing(Refusing)
    check_upgrades(Refusing, allow_invalid=True, max_examples=20)


def test_lossy_way_back(record):
    """Where steps can be undone, that loses nothing."""
    cls = order()
    migration(cls, 1, convert("number", abs, back=lambda number: number + 1))
    record(cls, {"number": "int"})

    text = failing(cls)

    assert "written as version 1 and loaded again, it differs: .number was 0, and is 1" in text


def test_failing_way_back(record):
    """And fails for no state."""
    cls = order()
    migration(cls, 1, convert("number", abs, back=lambda number: 1 // number))
    record(cls, {"number": "int"})

    text = failing(cls)

    assert "cannot be written as version 1 and loaded again (DowngradeError: " in text


class Forgetful:
    def __init__(self, a: int):
        self.a = a

    def __getstate__(self):
        return {"a": self.a // 2}


def test_pickled_again():
    """An object of today that pickling changes is told as well."""
    cls = versioned(name="forgetful", registry=Registry())(type("Forgetful", (Forgetful,), {}))

    text = failing(cls, types={"int": st.just(5)})

    assert "at version 1: pickled and loaded again, it differs: .a was 2, and is 1" in text


class Locked:
    def __init__(self, a: int):
        self.a = a
        self.lock = threading.Lock()

    def __getstate__(self):
        return {"a": self.a}

    def __setstate__(self, state):
        self.__init__(state["a"])


def test_attribute_that_cannot_be_compared():
    """Of an attribute that cannot be pickled, the type counts."""
    cls = versioned(name="locked", registry=Registry())(type("Locked", (Locked,), {}))

    check_upgrades(cls, max_examples=20)


def test_becomes_another(record):
    """An object that becomes one of another class, or a value, is none of the old."""
    registry = Registry()
    old = attrs.make_class("Old", {"a": attrs.field(type=int)})
    versioned(version=2, name="old", registry=registry)(old)
    migration(old, 1, replace(lambda state: state["a"]))
    record(old, {"a": "int"})

    check_upgrades(old, max_examples=20)
