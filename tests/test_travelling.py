"""Classes of a script that travel by value: cloudpickle, joblib and dill."""

from __future__ import annotations

import pickle

import attrs
import cloudpickle
import dill
import pytest

from two_processes import run

import versionpickle

from versionpickle import Registry, Versioned, adopt, migration, versioned
from versionpickle._classes import methods
from versionpickle._wire.refs import ref_of
from versionpickle.migrations import default_registry, rename


SCRIPT = """
import copy, dataclasses, pickle, sys, typing
from fractions import Fraction
import attrs
from versionpickle import Registry, Versioned, adopt, dumps, loads, migration, versioned
from versionpickle.migrations import add, convert, rename

MINE = Registry("mine")

@versioned(version=2)
@attrs.define
class Order:
    amount: float

migration(Order, 1, rename("total", "amount"), convert("amount", lambda cents: cents / 100))

@attrs.define
class Afterwards(Versioned, version=2):
    amount: float

@migration(Afterwards, 1)
def in_euros(state):
    return {**state, "amount": state["amount"] / 100}

@versioned
@dataclasses.dataclass
class Data:
    amount: float

class Base(Versioned, version=2):
    def __init__(self, amount):
        self.amount = amount

class Sub(Base, version=3):
    pass

@versioned
class Parent:
    def __init__(self, amount):
        self.amount = amount

    def __init_subclass__(cls):
        cls.is_known = True

class Child(Parent):
    pass

@versioned(registry=MINE, name="mine")
class Own:
    def __init__(self, amount):
        self.amount = amount

    def __getstate__(self):
        return dict(self.__dict__)

    def __setstate__(self, state):
        self.__dict__.update(state)

@versioned
class Point(typing.NamedTuple):
    amount: float
    y: int = 0

adopt(Fraction, version=2)

CLASSES = [Order, Afterwards, Data, Base, Sub, Parent, Child, Own, Point]
OLD = pickle.dumps(Order(1200.0), 3).replace(
    b"K\\x02X\\x06\\x00\\x00\\x00amount", b"K\\x01X\\x05\\x00\\x00\\x00total"
)

def work(objects):
    assert 12.0 == loads(OLD).amount == pickle.loads(OLD).amount
    made = []
    for obj in objects:
        if type(obj) is not Point:
            obj = copy.deepcopy(copy.copy(obj))
            again = type(obj).__new__(type(obj))
            again.__setstate__(obj.__getstate__())
            obj = again
        made.append(obj)
    return made

def objects():
    return [cls(12.0) for cls in CLASSES]

def show(found):
    print(*[type(obj).__name__ for obj in found], {obj.amount for obj in found})
"""

SENT = """
import cloudpickle
sys.stdout.buffer.write(cloudpickle.dumps(VALUE))
"""

WORKED = """
import cloudpickle, pickle, sys
work, objects, show = pickle.load(sys.stdin.buffer)
found = work(pickle.loads(cloudpickle.dumps(work(objects))))
show(found)
"""

RIGHT = "Order Afterwards Data Base Sub Parent Child Own Point {12.0}"


def test_cloudpickle(tmp_path):
    """A process that knows nothing gets the classes, and upgrades old pickles of them."""
    data = run(tmp_path, SCRIPT + SENT.replace("VALUE", "(work, objects(), show)"))

    assert RIGHT == run(tmp_path, WORKED, data).decode().strip()


@pytest.mark.parametrize("cls", RIGHT.split()[:-1])
def test_cloudpickle_of_one_object(cls, tmp_path):
    """An object brings its class along."""
    data = run(tmp_path, SCRIPT + SENT.replace("VALUE", f"{cls}(12.0)"))
    source = "import pickle, sys; print(pickle.load(sys.stdin.buffer).amount)"

    assert b"12.0" == run(tmp_path, source, data).strip()


def test_cloudpickle_of_an_adopted_class(tmp_path):
    """What a script has adopted is adopted at the other end."""
    data = run(tmp_path, SCRIPT + SENT.replace("VALUE", "Fraction(1, 3)"))
    source = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"

    assert b"1/3" == run(tmp_path, source, data).strip()


PARALLEL = """
import joblib
tasks = [joblib.delayed(work)(objects()) for number in range(3)]
for found in joblib.Parallel(n_jobs=2)(tasks):
    show(found)
    assert [type(obj) for obj in found] == CLASSES
"""


def test_joblib(tmp_path):
    """The results of workers are of the classes of the script."""
    shown = run(tmp_path, SCRIPT + PARALLEL).decode().splitlines()

    assert [RIGHT] * 3 == shown


SAVED = """
kept = objects()
import dill
dill.dump_module("day.dill")
"""

RESTORED = """
import dill
dill.load_module("day.dill")
show(work(kept))
show(pickle.loads(pickle.dumps([obj for obj in kept if type(obj) is not Own])))
"""


def test_dill_session(tmp_path):
    """A session comes back whole."""
    run(tmp_path, SCRIPT + SAVED)

    shown = run(tmp_path, RESTORED).decode().splitlines()
    assert [RIGHT, RIGHT.replace("Own ", "")] == shown


def test_dill(tmp_path):
    """An object brings its class along."""
    data = run(tmp_path, SCRIPT + "import dill; sys.stdout.buffer.write(dill.dumps(Order(12.0)))")
    source = "import dill, sys; print(dill.load(sys.stdin.buffer).amount)"

    assert b"12.0" == run(tmp_path, source, data).strip()


# In one process


@versioned(version=2)
@attrs.define
class Importable:
    amount: float


@pytest.mark.parametrize("library", [cloudpickle, dill])
def test_importable_class(library):
    """A class that can be imported is written by its name."""
    data = library.dumps(Importable(1.0))

    assert data == pickle.dumps(Importable(1.0), library.DEFAULT_PROTOCOL)


def local_class(registry=None):
    @versioned(version=2, registry=registry)
    class Local(Versioned):
        def __init__(self, amount):
            self.amount = amount

    migration(Local, 1, rename("total", "amount"), registry=registry)
    return Local


@pytest.mark.parametrize("registry", [None, Registry("mine")])
def test_local_class(registry):
    """A class within a function is the same after a journey within the process."""
    cls = local_class(registry)
    made = pickle.loads(cloudpickle.dumps([cls, cls(12.0)]))

    assert [cls, cls, 12.0] == [made[0], type(made[1]), made[1].amount]
    assert (registry or default_registry).steps_of(cls.__versionpickle__.declaration.ref)


def elsewhere(data, cls):
    """Load as a process does that has never had the class."""
    known = cls.__versionpickle__
    del methods.KNOWN[known.identity]
    tracked = cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID
    for identity in [identity for identity, found in tracked.items() if found is cls]:
        del tracked[identity]
    known.registry.forget_steps(known.declaration.ref)
    return pickle.loads(data)


def test_class_that_arrives():
    """It is declared again, with its steps and the methods that ours hide."""
    cls = local_class()
    made, obj = elsewhere(cloudpickle.dumps([cls, cls(12.0)]), cls)

    assert (made, 12.0) == (type(obj), obj.amount)
    assert made is not cls
    assert made.__versionpickle__ is default_registry.declared(ref_of(cls)).instrumentation
    assert 1 == len(default_registry.steps_of(ref_of(cls)))


def test_decorated_class_that_arrives():
    """It notices its subclasses as before."""

    @versioned
    class Noticing:
        is_noticed = False

        def __init_subclass__(cls):
            cls.is_noticed = True

        def _p_resolveConflict(self, old, saved, new):  # noqa: N802 - ZODB's name
            return {**old, **saved, **new}

    made, obj = elsewhere(cloudpickle.dumps([Noticing, Noticing()]), Noticing)
    subclass = type("Subclass", (made,), {})
    merged = obj._p_resolveConflict({"a": 1}, made().__getstate__(), {"b": 2})

    assert subclass.is_noticed
    assert subclass.__versionpickle__.declaration.is_implied
    assert ({"a": 1, "b": 2}, 1) == (merged, merged.stamp.claim.version)
    assert {"a": 1} == subclass()._p_resolveConflict({"a": 1}, {}, {})


def test_class_whose_steps_are_in_a_module():
    """Its steps stay there: the other process imports them."""

    @versioned(migrations="shop.migrations")
    class Apart:
        pass

    made = elsewhere(cloudpickle.dumps(Apart), Apart)

    assert "shop.migrations" == made.__versionpickle__.declaration.migrations


class Adopted:
    pass


def test_adopted_class_that_arrives():
    """A class that can be imported gets the versions of the script that adopted it."""
    adopt(Adopted, version=3)
    known = Adopted.__versionpickle__
    known.declaration.adopted_by = "__main__"
    data = cloudpickle.dumps(Adopted())
    assert type(pickle.loads(data)) is Adopted  # which knows that already

    del methods.KNOWN[known.identity]
    for name in ("__versionpickle__", *known._installed):
        delattr(Adopted, name)

    assert type(pickle.loads(data)) is Adopted
    assert 3 == Adopted.__versionpickle__.declaration.version


def test_class_that_is_at_home():
    """A class that arrives does not take the place of one that can be imported."""
    settings = {"ref": ref_of(Importable), "version": 1}

    versionpickle._declare_again("an id", None, default_registry, settings, None, {}, [])

    assert default_registry.declared(ref_of(Importable)).instrumentation.cls is Importable


def test_dill_within_a_process():
    """A class within a function can be written by dill."""
    cls = local_class()

    made, obj = dill.loads(dill.dumps([cls, cls(12.0)]))

    assert (made, 12.0) == (type(obj), obj.amount)


def test_registry():
    """A registry is the same after a journey within the process."""
    mine = Registry("mine")

    assert [mine, default_registry] == pickle.loads(pickle.dumps([mine, default_registry]))
    assert "apart" == versionpickle._registry_of_id(methods.new_id(), "apart").name


def test_deep_pickles_beside_dill():
    """What our own pickler writes is the same in a process that uses dill."""
    deep = Importable(1.0)
    for _ in range(3_000):
        deep = [deep, Importable, local_class]

    assert b"dill" not in versionpickle.dumps(deep)


def test_plain_pickle_of_a_local_class():
    """Plain pickle refuses it, as ever."""
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(local_class()(1.0))
