"""Steps, chains and registries."""

from __future__ import annotations

import copy
import dataclasses
import threading

from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

import versionpickle

from versionpickle import Versioned, migration, versioned
from versionpickle._classes.reviving import revive_in
from versionpickle.exceptions import (
    DeclarationError,
    FieldsError,
    FutureVersionError,
    InvalidObjectError,
    MissingStepError,
    PastVersionError,
    StampError,
    StepError,
    UnknownClassError,
)
from versionpickle.migrations import (
    add,
    convert,
    merge,
    move,
    name_positions,
    remove,
    rename,
    reorder,
    require,
    split,
)
from versionpickle.migrations._fields import OperationError, State


def declared(registry, *, version, **settings):
    """A class C with fields a and b at *version*, in a registry of its own."""

    @versioned(version=version, registry=registry, **settings)
    @attrs.define
    class C:
        a: int
        b: int = 0

    return C


def load(registry, cls, version, fields, *values, bases=()):
    """Load an object that was stored at *version* with these fields."""
    ref = cls.__versionpickle__.declaration.key
    stamp = revive_in(registry, False, 1, ref, version, fields, bases)
    obj = stamp()
    obj.__setstate__((stamp, *values))
    return obj


def restore(cls, state):
    """Load an object that was stored without a stamp."""
    obj = cls.__new__(cls)
    obj.__setstate__(state)
    return obj


class TestDeclaring:
    @pytest.mark.parametrize("version", [True, False, 0, -1, "2", 1.0, None])
    def test_no_version(self, version):
        """Versions are ints from 1 up."""
        with pytest.raises(DeclarationError, match="ints from 1 up"):
            versioned(version=version)
        with pytest.raises(DeclarationError, match="ints from 1 up"):

            class C(Versioned, version=version):
                pass

    @pytest.mark.parametrize("setting", ["unstamped", "formerly"])
    @pytest.mark.parametrize("number", [True, 0, 3, "1"])
    def test_no_past_version(self, registry, setting, number):
        """Nor are versions of the past anything else, or later than today's."""
        value = {"m:Old": number} if setting == "formerly" else number

        with pytest.raises(DeclarationError, match=setting):
            declared(registry, version=2, **{setting: value})

    @pytest.mark.parametrize("ref", ["Order", "m.Order", "m:", ":Order", "m:Or der", 5])
    def test_no_ref(self, registry, ref):
        """A ref is written module:qualname."""
        with pytest.raises(DeclarationError, match="package.module:Class"):
            declared(registry, version=2, formerly=[ref])
        with pytest.raises(DeclarationError):
            migration(ref, 1, rename("a", "b"), registry=registry)

    @pytest.mark.parametrize("name", ["", 5])
    def test_no_name(self, registry, name):
        """A stable name is a text."""
        with pytest.raises(DeclarationError, match="stable name"):
            declared(registry, version=1, name=name)

    @pytest.mark.parametrize("target", [len, 5])
    def test_no_class(self, target):
        """Only classes have versions."""
        with pytest.raises(DeclarationError, match="this is not a class"):
            versioned(version=2)(target)

    def test_function_without_parentheses(self):
        """A function is not mistaken for a version."""
        with pytest.raises(DeclarationError, match="len: this is not a class"):
            versioned(len)

    def test_setting_that_there_is_not(self):
        """It is named, with the settings that there are."""
        with pytest.raises(TypeError, match="no setting verison=; the settings are version=, n"):
            type("C", (Versioned,), {}, verison=2)

    def test_keyword_of_another_base(self):
        """Keywords that another base takes are left to it."""

        class Base:
            def __init_subclass__(cls, **kwargs):
                cls.kwargs = kwargs

        assert type("C", (Versioned, Base), {}, verison=2).kwargs == {"verison": 2}

    def test_former_refs(self, registry):
        """Former refs mean the class, with or without a version of theirs."""
        declared(registry, version=2, name="c", formerly=["m:A", "m:B"])

        assert {"c"} == {registry.resolve(ref).name for ref in ("m:A", "m:B")}

    def test_declared_twice(self, registry):
        """A class is declared once."""
        cls = declared(registry, version=2)

        with pytest.raises(DeclarationError, match="at version 2 already; declare it once"):
            versioned(version=3)(cls)

    def test_name_is_taken(self, registry):
        """A name means one class."""
        declared(registry, version=2, name="c")

        with pytest.raises(DeclarationError, match="'c' already means"):

            @versioned(name="c", registry=registry)
            class D:
                pass

    def test_reloaded_module(self, registry):
        """A class that is defined anew brings its steps anew."""
        for _ in range(2):
            cls = declared(registry, version=2)
            migration(cls, 1, add("b", 5))

        assert cls(1, 5) == restore(cls, {"a": 1})


class TestRegistering:
    def test_nothing(self, registry):
        """Without operations and without a function, a step changes nothing."""
        cls = declared(registry, version=2)
        migration(cls, 1, registry=registry)

        (step,) = registry.steps()
        assert (step.version, step.to, step.operations, step.function) == (1, 2, (), None)
        assert str(step) == f"step 1 -> 2 of {step.ref}"
        assert {"a": 1} == step.apply({"a": 1}, set(), any_state=False)

    def test_decorator_twice(self, registry):
        """A decorator that was used makes a second step, which is refused."""
        decorate = migration(declared(registry, version=2), 1, registry=registry)
        decorate(dict)

        with pytest.raises(DeclarationError, match="two steps leave version 1"):
            decorate(dict)

    @pytest.mark.parametrize("version", [True, 0, -1, "2", 1.0])
    def test_no_version(self, registry, version):
        """A step leaves a version."""
        with pytest.raises(DeclarationError, match="ints from 1 up"):
            migration(declared(registry, version=3), version, rename("a", "b"))

    @pytest.mark.parametrize(("version", "to"), [(3, None), (9, None), (1, 4)])
    def test_version_that_does_not_exist(self, registry, version, to):
        """A step does not leave, or reach, what the class does not have."""
        with pytest.raises(DeclarationError, match="leads beyond the current version 3"):
            migration(declared(registry, version=3), version, rename("a", "b"), to=to)

    def test_version_that_will_not_exist(self, registry):
        """Nor when the class is declared after the step."""
        ref = f"{__name__}:{declared.__name__}.<locals>.C"
        migration(ref, 3, rename("a", "b"), registry=registry)

        with pytest.raises(DeclarationError, match="raise version= to 4, or remove the step"):
            declared(registry, version=3)

    @pytest.mark.parametrize("to", [1, 2])
    def test_step_that_leads_nowhere(self, registry, to):
        """A step leads to a later version."""
        with pytest.raises(DeclarationError, match="leads to no later version"):
            migration(declared(registry, version=3), 2, rename("a", "b"), to=to)

    def test_two_steps_from_one_version(self, registry):
        """A chain does not fork."""
        cls = declared(registry, version=3)
        migration(cls, 1, rename("x", "a"))

        with pytest.raises(DeclarationError, match="two steps leave version 1") as caught:
            migration(cls, 1, rename("y", "a"))
        assert "rename('x', 'a')" in str(caught.value)
        assert "rename('y', 'a')" in str(caught.value)

    def test_late_step(self, registry):
        """Once objects were upgraded, no more steps are added."""
        cls = declared(registry, version=3)
        migration(cls, 2, add("b", 1))
        load(registry, cls, 2, ("a",), 1)

        with pytest.raises(DeclarationError, match="comes too late"):
            migration(cls, 1, rename("x", "a"))

    def test_class_without_versions(self):
        """A step is for a versioned class."""
        with pytest.raises(DeclarationError, match="has no versions in the default registry"):
            migration(dict, 1, rename("a", "b"))

    @pytest.mark.parametrize("target", [None, 5, len])
    def test_no_class(self, target):
        """And for a class at all."""
        with pytest.raises(DeclarationError):
            migration(target, 1, rename("a", "b"))

    def test_no_operation(self, registry):
        """A function is registered by decorating it."""
        with pytest.raises(DeclarationError, match="decorate a function"):
            migration(declared(registry, version=2), 1, lambda state: state)

    def test_no_function(self, registry):
        """And what is decorated is a function."""
        with pytest.raises(DeclarationError, match="decorate a function of the state"):
            migration(declared(registry, version=2), 1)(5)


class TestOldest:
    """A class may stop to read its oldest versions."""

    @pytest.mark.parametrize("stamped", [True, False])
    def test_older_data_is_refused(self, registry, stamped):
        """The error says which is the oldest, and how to get there."""
        cls = declared(registry, version=4, oldest=3)
        migration(cls, 3, add("b", 1))

        with pytest.raises(PastVersionError, match="this code reads is 3; load and save it once"):
            if stamped:
                load(registry, cls, 2, ("a",), 1)
            else:
                restore(cls, {"a": 1})

    def test_read(self, registry):
        """From that one on, all is as ever."""
        cls = declared(registry, version=4, oldest=3)
        migration(cls, 3, add("b", 1))

        assert attrs.asdict(load(registry, cls, 3, ("a",), 1)) == {"a": 1, "b": 1}

    def test_former_names(self, registry):
        """Versions under a former name lead there first."""
        cls = declared(registry, version=4, oldest=3, formerly="m:Old")
        migration("m:Old", 1, rename("x", "a"), to=3, registry=registry)
        migration(cls, 3, add("b", 1))
        path = registry.path("m:Old", 1, registry.declared(f"{cls.__module__}:{cls.__qualname__}"))

        assert [(step.version, step.to) for step in path] == [(1, 3), (3, 4)]

    @pytest.mark.parametrize("oldest", [0, True, 5, "1"])
    def test_oldest_that_is_no_version(self, registry, oldest):
        """It is one of the versions."""
        with pytest.raises(DeclarationError, match="oldest="):
            declared(registry, version=4, oldest=oldest)


class TestOperations:
    @pytest.mark.parametrize(
        ("make", "problem"),
        [
            (lambda: rename("a", ""), "name of a field is a str"),
            (lambda: rename(1, "a"), "name of a field is a str"),
            (lambda: add("a", []), r"use add\('a', factory=list\)"),
            (lambda: add("a", 5, factory=list), "exactly one of"),
            (lambda: add("a"), r"exactly one of .* for None, write add\('a', None\)"),
            (lambda: add("a", factory=[]), "takes a function for factory="),
            (lambda: remove(), "needs the name"),
            (lambda: convert("a", 5), "takes a function"),
            (lambda: add("a", compute=5), "takes a function for compute="),
            (lambda: convert("a", int, 5), "takes a function for back="),
            (lambda: remove("a", "b", restore=1), "restores one field"),
            (lambda: remove("a", restore=[]), "restore_factory|factory=list"),
            (lambda: split("a", "bc", list), "takes several names, not 'bc'"),
            (lambda: split("a", (), list), "several different names"),
            (lambda: merge(("a", "a"), "b", max), "several different names"),
            (lambda: move("a", "b"), "one field, and one path"),
            (lambda: move("a.b", "c.d"), "one field, and one path"),
            (lambda: require("a", "b", "c"), "takes a function"),
            (lambda: name_positions(), "several different names"),
        ],
    )
    def test_operations_that_cannot_be_meant(self, make, problem):
        """An operation that cannot be meant is refused where it is written."""
        with pytest.raises(TypeError, match=problem):
            make()

    @pytest.mark.parametrize(
        "written",
        [
            "rename('a', 'b')",
            "add('a', 5)",
            "add('a', factory=list)",
            "remove('a', 'b')",
            "remove('a', missing_ok=True)",
            "convert('a', int)",
            "convert('a', int, back=str)",
            "add('a', compute=len)",
            "remove('a', restore=5)",
            "remove('a', restore_factory=list)",
            "split('a', ('b', 'c'), str.split, back=max)",
            "merge(('b', 'c'), 'a', max)",
            "move('a.b', 'c')",
            "reorder('a', 'b')",
            "name_positions('a', 'b')",
            "require('a', bool, 'it is empty')",
        ],
    )
    def test_repr_is_the_code(self, written):
        """An operation prints as the code that makes it."""
        assert written == repr(eval(written))

    @pytest.mark.parametrize("stamped", [True, False])
    @pytest.mark.parametrize(
        ("operation", "fields", "problem"),
        [
            (rename("x", "y"), ("a", "b"), "there is no field 'x', only 'a', 'b'"),
            (rename("a", "b"), ("a", "b"), "there is a field 'b' already"),
            (remove("x"), (), "there is no field 'x', only none at all"),
            (convert("x", int), ("a",), "there is no field 'x'"),
            (add("a", 5), ("a",), "there is a field 'a' already"),
            (split("x", ("c", "d"), list), ("a",), "there is no field 'x'"),
            (split("a", ("b", "c"), lambda _: [0, 0]), ("a", "b"), "a field 'b' already"),
            (split("c", ("a", "b"), lambda _: [1]), ("c",), "the function returned 1 values"),
            (merge(("a", "x"), "c", max), ("a",), "there is no field 'x'"),
            (merge(("a",), "b", max), ("a", "b"), "a field 'b' already"),
            (move("a.k", "b"), ("a",), "the int in the field 'a' has no 'k'"),
            (move("a.k", "b"), ("a", "b"), "a field 'b' already"),
            (move("b", "a.k"), ("a", "b"), "'k' cannot be set on the int"),
            (reorder("x"), ("a",), "there is no field 'x'"),
            (require("a", str, "it is empty"), (), "there is no field 'a'"),
            (require("a", lambda a: a > 5, "it is small"), ("a",), "'a': it is small"),
            (name_positions("a"), ("a",), "already have names|state is a dict"),
        ],
    )
    def test_cannot_be_applied(self, registry, stamped, operation, fields, problem):
        """An operation whose fields are not there says so, with the step and the class."""
        cls = declared(registry, version=2)
        migration(cls, 1, operation)

        with pytest.raises(StepError, match=problem) as caught:
            if stamped:
                load(registry, cls, 1, fields, *range(len(fields)))
            else:
                restore(cls, dict.fromkeys(fields, 1))
        assert f"step 1 -> 2 of {caught.value.ref} ({operation!r})" == caught.value.step
        assert (caught.value.version, caught.value.current) == (1, 2)

    def test_values_are_counted_without_code(self):
        """The count of what a function returns is checked, whether or not a step is compiled."""
        with pytest.raises(OperationError, match="the function returned 1 values"):
            State({}, set()).parts([1], 2)

    @pytest.mark.parametrize("stamped", [True, False])
    def test_all(self, registry, stamped):
        """Operations do what they say, to stamped and to unstamped objects."""
        cls = declared(registry, version=2)
        migration(
            cls,
            1,
            remove("gone", "never there", missing_ok=True),
            rename("old", "a"),
            convert("a", int),
            remove("b"),
            add("b", factory=lambda: 7),
        )
        state = {"gone": 0, "old": "5", "b": 1}

        if stamped:
            obj = load(registry, cls, 1, tuple(state), *state.values())
        else:
            obj = restore(cls, state)

        assert cls(5, 7) == obj

    def test_unset_fields_travel(self, registry):
        """A slot that held nothing is renamed, converted and removed without a value."""

        @versioned(version=2, registry=registry)
        class Slots:
            __slots__ = ("a", "b")

        migration(Slots, 1, rename("x", "a"), convert("a", int), remove("y"), add("b", 1))
        stamp = revive_in(
            registry, False, 1, Slots.__versionpickle__.declaration.ref, 1, ("x", "y"), ()
        )
        obj = stamp()
        obj.__setstate__((stamp, stamp, stamp, {}))

        assert not hasattr(obj, "a")
        assert obj.b == 1


class TestChain:
    def test_hole(self, registry):
        """A hole is found before the first step runs."""
        cls = declared(registry, version=4)
        ran = []
        migration(cls, 1)(lambda state: ran.append(1) or state)
        migration(cls, 3)(lambda state: ran.append(3) or state)

        with pytest.raises(MissingStepError, match="no step leaves version 2") as caught:
            load(registry, cls, 1, ("a", "b"), 1, 2)
        assert (caught.value.version, caught.value.current, caught.value.missing) == (1, 4, 2)
        assert ran == []

    def test_step_over_versions(self, registry):
        """A step may lead further than to the next version."""
        cls = declared(registry, version=4)
        migration(cls, 1, rename("x", "a"), to=4)

        assert cls(5) == load(registry, cls, 1, ("x",), 5)

    def test_future(self, registry):
        """Newer data is refused, and says that the code is old."""
        cls = declared(registry, version=2)

        with pytest.raises(FutureVersionError, match="only knows versions up to 2"):
            load(registry, cls, 3, ("a", "b"), 1, 2)

    @pytest.mark.parametrize(
        ("result", "problem"),
        [
            (None, "it returned None; end it with 'return state'"),
            ([], "it returned a list; a step returns a dict"),
            ((1, 2), "it returned a tuple"),
            ("a", "it returned a str"),
        ],
    )
    def test_step_returns_no_dict(self, registry, result, problem):
        """A step that returns no dict is named."""
        cls = declared(registry, version=2)

        @migration(cls, 1)
        def careless(state):
            return result

        with pytest.raises(StepError, match=problem) as caught:
            load(registry, cls, 1, ("a", "b"), 1, 2)
        assert "careless" in caught.value.step

    def test_step_raises(self, registry):
        """An error in a step is the cause of ours; the object is left blank."""
        cls = declared(registry, version=2)
        migration(cls, 1)(lambda state: state["x"])
        stamp = revive_in(registry, False, 1, cls.__versionpickle__.declaration.ref, 1, ("a",), ())
        obj = stamp()

        with pytest.raises(StepError, match="KeyError: 'x'") as caught:
            obj.__setstate__((stamp, 1))
        assert isinstance(caught.value.__cause__, KeyError)
        assert not hasattr(obj, "a")

    def test_compiled_step_raises(self, registry):
        """So is one in an operation's function."""
        cls = declared(registry, version=2)
        migration(cls, 1, convert("a", int))
        stamp = revive_in(registry, False, 1, cls.__versionpickle__.declaration.ref, 1, ("a",), ())
        obj = stamp()

        with pytest.raises(StepError, match=r"convert\('a', int\).*ValueError: invalid literal"):
            obj.__setstate__((stamp, "five"))
        assert not hasattr(obj, "a")

    def test_steps_do_not_touch_the_stored_state(self, registry):
        """A step may change the dict it gets: the caller's is another one."""
        cls = declared(registry, version=2)
        migration(cls, 1)(lambda state: {"a": state.pop("a")})
        state = {"a": 1}

        restore(cls, state)

        assert state == {"a": 1}

    @pytest.mark.parametrize("stamped", [True, False])
    @pytest.mark.parametrize(
        ("step", "missing", "leftover"),
        [
            (remove("a"), ("a",), ()),
            (add("c", 5), (), ("c",)),
            (rename("a", "c"), ("a",), ("c",)),
        ],
    )
    def test_outcome_is_not_what_the_class_declares(
        self, registry, stamped, step, missing, leftover
    ):
        """After the last step, the fields are the class's own."""
        cls = declared(registry, version=2)
        migration(cls, 1, step)

        with pytest.raises(FieldsError) as caught:
            if stamped:
                load(registry, cls, 1, ("a",), 1)
            else:
                restore(cls, {"a": 1})
        assert (missing, leftover) == (caught.value.missing, caught.value.leftover)
        assert all(repr(name) in str(caught.value) for name in missing + leftover)

    def test_defaults_are_filled(self, registry):
        """A field that is missing gets its default."""
        cls = declared(registry, version=2)
        migration(cls, 1)(lambda state: state)

        assert cls(1, 0) == load(registry, cls, 1, ("a",), 1)

    @pytest.mark.parametrize("declarative", [True, False])
    def test_validators_run(self, registry, declarative):
        """An upgraded object that is not valid is refused, and blanked."""

        @versioned(version=2, registry=registry)
        @attrs.define
        class Checked:
            a: int = attrs.field(validator=attrs.validators.instance_of(int))

        if declarative:
            migration(Checked, 1, rename("x", "a"))
        else:
            migration(Checked, 1)(lambda state: {"a": state["x"]})
        ref = Checked.__versionpickle__.declaration.ref
        stamp = revive_in(registry, False, 1, ref, 1, ("x",), ())
        obj = stamp()

        with pytest.raises(InvalidObjectError, match="must be <class 'int'>"):
            obj.__setstate__((stamp, "text"))
        assert not hasattr(obj, "a")
        assert Checked(5) == load(registry, Checked, 1, ("x",), 5)

    def test_plain_class_takes_what_the_chain_leaves(self, registry):
        """A class that declares no fields has no say."""

        class Plain(Versioned, version=2, registry=registry):
            pass

        migration(Plain, 1, rename("x", "y"))

        assert vars(load(registry, Plain, 1, ("x", "z"), 1, 2)) == {"y": 1, "z": 2}
        assert vars(restore(Plain, {"x": 1})) == {"y": 1}

    @pytest.mark.parametrize("kept", [True, False])
    def test_extra_attributes_travel_apart(self, registry, kept):
        """They are kept where there is room, and are seen by the steps where there is none."""

        @versioned(version=2, registry=registry)
        @attrs.define(slots=not kept)
        class C:
            a: int

        seen = []
        migration(C, 1)(lambda state: seen.append(set(state)) or {"a": state["a"]})

        obj = load(registry, C, 1, ("a",), 1, {"extra": 2})

        assert ({"a"} if kept else {"a", "extra"}) == seen[0]
        assert kept == hasattr(obj, "extra")

    def test_extra_attribute_that_is_a_field_now(self, registry):
        """An attribute of that name was stored: it is the field."""

        @versioned(version=2, registry=registry)
        @attrs.define(slots=False)
        class C:
            a: int
            note: str = ""

        migration(C, 1)(lambda state: state)

        assert C(1, "mine") == load(registry, C, 1, ("a",), 1, {"note": "mine"})

    def test_cached_property_is_no_leftover(self, registry):
        """What a cached property left in an unstamped state is dropped."""
        import shapes

        obj = restore(shapes.AttrsCachedDict, {"a": 1, "b": 2, "both": "stale"})

        assert obj.both == (1, 2)

    def test_base_versions(self, registry):
        """A base's steps run before its subclass's, each from the version that was stored."""

        class Base(Versioned, version=3, registry=registry, name="base"):
            pass

        class Sub(Base, version=2):
            pass

        for cls, version in ((Base, 1), (Base, 2), (Sub, 1)):
            step = f"{cls.__name__} {version}"
            migration(cls, version, convert("log", lambda log, step=step: [*log, step]))

        unstamped = restore(Sub, {"log": []})
        stamped = load(registry, Sub, 1, ("log",), [], bases=(("base", 2),))

        assert unstamped.log == ["Base 1", "Base 2", "Sub 1"]
        assert stamped.log == ["Base 2", "Sub 1"]
        before = load(registry, Sub, 1, ("log",), [])
        assert ["Base 1", "Base 2", "Sub 1"] == before.log

    def test_unstamped_base_that_asks_the_state(self, registry):
        """A base that was not versioned then tells its generation by the names of the fields."""

        class Base(
            Versioned,
            version=2,
            registry=registry,
            unstamped=lambda state: 1 if "x" in state else 2,
        ):
            pass

        class Sub(Base):
            pass

        migration(Base, 1, rename("x", "y"))

        assert {"y": 5} == vars(load(registry, Sub, 1, ("x",), 5))

    def test_base_that_nobody_knows(self, registry):
        """A stored base that has another name now must be told of."""
        cls = declared(registry, version=1)

        with pytest.raises(UnknownClassError, match="a base of"):
            load(registry, cls, 1, ("a", "b"), 1, 2, bases=(("m:Old", 1),))

    def test_stable_name_that_nobody_has(self, registry):
        """The cure for a lost stable name is to give it again."""
        with pytest.raises(UnknownClassError, match="give its class name='lost' again"):
            revive_in(registry, False, 1, "lost", 1, (), ())

    def test_base_that_is_none_any_more(self, registry):
        """To leave a base takes a new version."""

        class Base(Versioned, version=2, registry=registry, name="base"):
            pass

        cls = declared(registry, version=2)
        migration(cls, 1, convert("a", int))

        with pytest.raises(StepError, match=r"subclass of base, and no longer is.*version= to 3"):
            load(registry, cls, 2, ("a", "b"), 1, 2, bases=(("base", 1),))
        assert cls(1, 2) == load(registry, cls, 1, ("a", "b"), 1, 2, bases=(("base", 1),))

    def test_future_base(self, registry):
        """Nor may a base be newer than the code."""

        class Base(Versioned, version=2, registry=registry, name="base"):
            pass

        class Sub(Base):
            pass

        with pytest.raises(FutureVersionError):
            load(registry, Sub, 1, ("a",), 1, bases=(("base", 3),))

    def test_pair_that_is_a_state_of_its_own(self, registry):
        """Two dicts that share a name are no pair of pickle's."""

        class Own(Versioned, version=2, registry=registry):
            def __setstate__(self, state):
                self.state = state

        migration(Own, 1)(lambda state: state)

        assert ({"a": 1}, {"a": 2}) == restore(Own, ({"a": 1}, {"a": 2})).state


KINDS = [
    attrs.define,
    attrs.define(slots=False),
    attrs.frozen,
    attrs.frozen(slots=False),
    dataclasses.dataclass,
    dataclasses.dataclass(slots=True),
    dataclasses.dataclass(frozen=True),
    dataclasses.dataclass(frozen=True, slots=True),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["declarative", "function", "unstamped"])
def test_upgrade_of_every_kind(registry, kind, how):
    """Defaults, factories, transient and unset fields come out alike for every kind of class."""
    field = dataclasses.field if kind in KINDS[4:] else attrs.field
    factory = {"default_factory" if kind in KINDS[4:] else "factory": list}

    @versioned(version=2, transient=("cache", "spare", "fixed"), registry=registry)
    @kind
    class C:
        a: int
        b: int = 5
        tags: list = field(**factory)
        cache: list = field(**factory)
        fixed: int = 7
        spare: int = field(init=False)

    if how == "declarative":
        migration(C, 1, rename("x", "a"), convert("a", int))
    else:
        migration(C, 1)(lambda state: {"a": int(state["x"])})

    stamped = how != "unstamped"
    obj = load(registry, C, 1, ("x",), "3") if stamped else restore(C, {"x": "3"})

    assert (3, 5, [], [], 7) == (obj.a, obj.b, obj.tags, obj.cache, obj.fixed)
    assert not hasattr(obj, "spare")


@pytest.mark.parametrize("kind", [attrs.define, dataclasses.dataclass])
def test_field_that_init_does_not_set(registry, kind):
    """It may be unset, but where it was never stored a step has to give it."""
    field = attrs.field if kind is attrs.define else dataclasses.field

    @versioned(version=2, unstamped=2, registry=registry)
    @kind
    class C:
        a: int
        late: int = field(init=False)

    migration(C, 1, rename("x", "a"))
    ref = C.__versionpickle__.declaration.ref
    stamp = revive_in(registry, False, 1, ref, 1, ("x", "late"), ())
    obj = stamp()
    obj.__setstate__((stamp, 1, stamp, {}))

    assert not hasattr(obj, "late")
    assert not hasattr(restore(C, {"a": 1}), "late")
    with pytest.raises(FieldsError, match="missing 'late'"):
        load(registry, C, 1, ("x",), 1)


@pytest.mark.parametrize("declarative", [True, False])
@pytest.mark.parametrize("transient", [True, False])
def test_default_that_cannot_be_made(registry, declarative, transient):
    """An error in a default's factory names the field."""

    @versioned(version=2, transient="b" if transient else (), registry=registry)
    @attrs.define
    class C:
        a: int
        b: int = attrs.field(factory=lambda: {}["no"])

    if declarative:
        migration(C, 1, rename("x", "a"))
    else:
        migration(C, 1)(lambda state: {"a": state["x"]})

    with pytest.raises(StepError, match="the default of 'b' failed: KeyError: 'no'"):
        load(registry, C, 1, ("x",), 1)


def test_failing_operation_is_not_tried_again(registry):
    """A step that failed once has failed, even if it would not fail again."""
    cls = declared(registry, version=2)
    calls = []

    def flaky(value):
        calls.append(value)
        if len(calls) == 1:
            raise OSError("not now")
        return value

    migration(cls, 1, convert("a", flaky))

    with pytest.raises(StepError, match="OSError: not now"):
        load(registry, cls, 1, ("a",), 1)
    assert [1] == calls


def test_field_declared_anew_comes_last(registry):
    """As attrs has it: its default may need the others."""

    @versioned(registry=registry)
    @attrs.define(kw_only=True)
    class A:
        y: int = 0
        x: int

    @attrs.define(kw_only=True)
    class B(A):
        y: int = attrs.Factory(lambda self: self.x * 2, takes_self=True)

    assert B(x=3) == load(registry, B, 1, ("x",), 3)


def test_field_kept_by_a_property(registry):
    """A field behind a property is read and set through it."""

    @versioned(version=2, registry=registry)
    @dataclasses.dataclass
    class C:
        x: int

        @property
        def x(self):
            return self._x

        @x.setter
        def x(self, value):
            self._x = value

    migration(C, 1, convert("x", float))

    assert 3.0 == load(registry, C, 1, ("x",), 3, {"_x": 3}).x
    obj = C(5)
    assert 5 == copy.copy(obj).x


def test_upgrade_forgets_a_cached_hash(registry):
    """A hash from another process does not come along with an upgrade either."""

    @versioned(version=2, registry=registry)
    @attrs.frozen(cache_hash=True)
    class C:
        a: str

    migration(C, 1)(lambda state: {"a": state["x"]})

    assert hash(C("text")) == hash(load(registry, C, 1, ("x",), "text"))


@pytest.mark.parametrize("slots", [True, False])
def test_invalid_object_is_blanked(registry, slots):
    """Whether its fields are slots or not."""

    @versioned(version=2, registry=registry)
    @attrs.define(slots=slots)
    class C:
        a: int = attrs.field(validator=attrs.validators.gt(5))

    migration(C, 1, rename("x", "a"))
    stamp = revive_in(registry, False, 1, C.__versionpickle__.declaration.ref, 1, ("x",), ())
    obj = stamp()

    with pytest.raises(InvalidObjectError, match="must be > 5"):
        obj.__setstate__((stamp, 1))
    assert not hasattr(obj, "a")


class TestUnstamped:
    def test_told_by_the_state(self, registry):
        """A function of the state may tell the version."""
        cls = declared(registry, version=3, unstamped=lambda state: 2 if "y" in state else 1)
        migration(cls, 1, rename("x", "a"), to=3)
        migration(cls, 2, rename("y", "a"))

        assert cls(5) == restore(cls, {"x": 5})
        assert cls(5) == restore(cls, (None, {"y": 5}))

    @pytest.mark.parametrize("told", [None, True, 0, 4])
    def test_told_no_version(self, registry, told):
        """And must tell one that there is."""
        cls = declared(registry, version=3, unstamped=lambda state: told)

        with pytest.raises(StepError, match=f"it returned {told!r}"):
            restore(cls, {"a": 5})

    def test_cannot_be_told(self, registry):
        """An error in that function is the cause of ours."""
        cls = declared(registry, version=3, unstamped=lambda state: state["v"])

        with pytest.raises(StepError, match="unstamped= function failed: KeyError: 'v'"):
            restore(cls, {"a": 5})

    @pytest.mark.parametrize("state", [(5, 6), [5, 6]])
    def test_bare_values(self, registry, state):
        """attrs and dataclasses once stored bare values in the order of the fields."""
        cls = declared(registry, version=1)

        assert cls(5, 6) == restore(cls, state)

    @pytest.mark.parametrize("state", [(5,), "text", 7])
    def test_state_without_names(self, registry, state):
        """A state that names no fields needs a step that does."""
        cls = declared(registry, version=1)

        with pytest.raises(StepError, match="a function and returns a dict"):
            restore(cls, state)

    def test_positions_get_names_once(self, registry):
        """Naming them comes first."""
        cls = declared(registry, version=2)
        migration(cls, 1, name_positions("a", "b"), name_positions("a", "b"))

        with pytest.raises(StepError, match="must be the first operation of its step"):
            restore(cls, (5, 6))

    @pytest.mark.parametrize("state", [(5, 6), [5, 6]])
    def test_positions_get_names(self, registry, state):
        """Operations can name them, and go on with the names."""
        cls = declared(registry, version=2)
        migration(cls, 1, name_positions("x", "b"), rename("x", "a"))

        assert attrs.asdict(restore(cls, state)) == {"a": 5, "b": 6}

    @pytest.mark.parametrize("state", [(5,), "text", {"a": 1}])
    def test_other_positions(self, registry, state):
        """As many as there are."""
        cls = declared(registry, version=2)
        migration(cls, 1, name_positions("a", "b"))

        with pytest.raises(StepError, match="not a tuple or list of 2"):
            restore(cls, state)

    def test_state_without_names_meets_an_operation(self, registry):
        """An operation cannot name them."""
        cls = declared(registry, version=2)
        migration(cls, 1, add("b", 1))

        with pytest.raises(StepError, match="write it as a function"):
            restore(cls, (5, 6))

    def test_reaches_the_first_step_as_stored(self, registry):
        """A state of another kind reaches the first step as it was."""
        cls = declared(registry, version=2)
        migration(cls, 1)(lambda state: {"a": state[1], "b": state[0]})

        assert cls(6, 5) == restore(cls, (5, 6))


class TestStamps:
    @pytest.mark.parametrize(
        ("claim", "problem"),
        [
            ((2, "c", 1, ("a", "b"), ()), "format 2"),
            ((True, "c", 1, ("a", "b"), ()), "format True"),
            ((1, 5, 1, ("a", "b"), ()), "version is 1"),
            ((1, "c", True, ("a", "b"), ()), "version is True"),
            ((1, "c", 1.0, ("a", "b"), ()), "version is 1.0"),
            ((1, "c", -1, ("a", "b"), ()), "version is -1"),
            ((1, "c", "1", ("a", "b"), ()), "version is '1'"),
            ((1, "c", 1, ["a", "b"], ()), "field names are"),
            ((1, "c", 1, ("a", 5), ()), "field names are"),
            ((1, "c", 1, ("a", "a"), ()), "field names are"),
            ((1, "c", 1, ("a", "b"), None), "bases are"),
            ((1, "c", 1, ("a", "b"), (("base", True),)), "bases are"),
            ((1, "c", 1, ("a", "b"), (5,)), "bases are"),
        ],
    )
    def test_malformed(self, registry, claim, problem):
        """A stamp that says what no stamp says is refused."""
        declared(registry, version=1, name="c")
        revive_in(registry, False, 1, "c", 1, ("a", "b"), ())

        with pytest.raises(StampError, match=problem):
            revive_in(registry, False, *claim)

    def test_unknown_class(self, registry):
        """A name that nobody declared is an error that says what to do."""
        with pytest.raises(UnknownClassError, match="nothing in the test registry") as caught:
            revive_in(registry, False, 1, "m:Gone", 3, (), ())
        assert (caught.value.ref, caught.value.version) == ("m:Gone", 3)

    def test_name_that_means_no_versioned_class(self, registry):
        """So is a name that means something else."""
        versionpickle.alias("m:Gone", dict, registry=registry)

        with pytest.raises(UnknownClassError, match="which is not a versioned class"):
            revive_in(registry, False, 1, "m:Gone", 3, (), ())

    @pytest.mark.parametrize("name", ["no_such_module:C", "a stable name"])
    def test_module_that_is_gone(self, registry, name):
        """A module that cannot be imported is named."""
        with pytest.raises(UnknownClassError):
            revive_in(registry, True, 1, name, 3, (), ())

    @pytest.mark.parametrize("values", [(), (1,), (1, 2, 3), (1, 2, 3, {})])
    def test_state_of_another_length(self, registry, values):
        """A state holds the values that its stamp names."""
        cls = declared(registry, version=1)

        with pytest.raises(StampError, match="names 2 fields, and its state holds"):
            load(registry, cls, 1, ("a", "b"), *values)

    @pytest.mark.parametrize(
        ("fields", "state"),
        [(("a",), ()), (("a",), (1, 2)), (None, ()), (None, (5,)), (None, ({}, {}))],
    )
    def test_state_of_an_open_class(self, registry, fields, state):
        """Also where the class declares none."""

        class Plain(Versioned, registry=registry):
            pass

        load(registry, Plain, 1, ("b",), 1)

        with pytest.raises((StampError, StepError)):
            load(registry, Plain, 1, fields, *state)

    def test_derived_field_of_an_open_class(self, registry):
        """What is not stored today is not taken from a stream either."""

        class Plain(Versioned, transient="cache", registry=registry):
            pass

        assert {"a": 1} == vars(load(registry, Plain, 1, ("a", "cache"), 1, 2))

    def test_state_of_the_stamp_itself(self, registry):
        """A stream cannot change a stamp."""
        declared(registry, version=1, name="c")
        data = b"cversionpickle\n_revive\n(I1\nVc\nI1\n(Va\nVb\nt(ttR(NNNNtb."

        with pytest.raises(StampError, match="a state is set on the stamp"):
            versionpickle.loads(data, registry=registry)

    @pytest.mark.parametrize("parts", [(), (1, 2, 3)])
    def test_own_state_of_another_length(self, registry, parts):
        """A state of a class's own is one part, with its setter at most two."""

        @versioned(version=2, registry=registry)
        class Own:
            def __setstate__(self, state):
                self.state = state

        migration(Own, 1)(lambda state: state)
        for version in (1, 2):
            with pytest.raises(StampError, match="parts follows its stamp"):
                load(registry, Own, version, None, *parts)
        with pytest.raises(StampError, match="parts follows its stamp"):
            load(registry, declared(registry, version=1), 1, None, *parts)

    def test_repr(self, registry):
        """A stamp says what it is."""
        declared(registry, version=1, name="c")

        stamp = revive_in(registry, False, 1, "c", 1, ("a", "b"), ())
        assert "<stamp of c version 1>" == repr(stamp)

    @pytest.mark.parametrize("version", [1, 2])
    def test_stamp_of_another_class(self, registry, version):
        """An object carries its own class's stamp."""
        cls = declared(registry, version=2)
        migration(cls, 1, convert("a", int))
        stamp = revive_in(
            registry, False, 1, cls.__versionpickle__.declaration.ref, version, ("a", "b"), ()
        )

        class Other(Versioned, registry=registry):
            pass

        with pytest.raises(StampError, match="an object of test_migrations:.*Other carries"):
            restore(Other, (stamp, 1, 2))

    def test_cache_is_bounded(self, registry, monkeypatch):
        """A flood of old stamps does not fill the memory."""
        monkeypatch.setattr("versionpickle._wire.stamp_cache._ROOM", 15_000)

        class Plain(Versioned, registry=registry, name="plain"):
            pass

        for number in range(10):
            revive_in(registry, False, 1, "plain", 1, (f"a{number}",), ())

        assert len(registry.stamps) <= 3


class TestThreads:
    def test_first_use_in_ten_threads(self):
        """Lazy compilation, loading and dumping happen in any number of threads."""
        registry = versionpickle.Registry()
        classes = []
        for number in range(50):

            @versioned(version=2, name=f"c{number}", registry=registry)
            @attrs.define
            class C:
                a: int

            migration(C, 1, convert("a", str))
            classes.append(C)
        barrier = threading.Barrier(10)

        def work(_):
            barrier.wait()
            for number, cls in enumerate(classes):
                obj = load(registry, cls, 1, ("a",), number)
                data = versionpickle.dumps(obj)
                assert cls(str(number)) == versionpickle.loads(data, registry=registry)
            return True

        with ThreadPoolExecutor(10) as pool:
            assert all(pool.map(work, range(10)))


def test_registries_never_see_each_other():
    """The same name means each registry's own class."""
    one, other = versionpickle.Registry("one"), versionpickle.Registry("other")
    first = declared(one, version=2, name="c")
    second = declared(other, version=3, name="c")
    migration(first, 1, add("b", 1))
    data = versionpickle.dumps(first(5))

    assert type(versionpickle.loads(data, registry=one)) is first
    with pytest.raises(MissingStepError):
        versionpickle.loads(data, registry=other)
    with pytest.raises(UnknownClassError):
        versionpickle.loads(data)
    assert second.__versionpickle__.declaration.version == 3


@pytest.mark.parametrize("settings", [{"formerly": 5}, {"transient": 5}])
def test_settings_of_another_kind(registry, settings):
    """They are refused with what they take."""
    with pytest.raises(TypeError, match=r"takes one or more .*, not 5"):
        versioned(registry=registry, **settings)(attrs.make_class("C", []))
