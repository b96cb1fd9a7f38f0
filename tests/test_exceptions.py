"""Errors carry their facts, and survive pickling."""

from __future__ import annotations

import copy
import inspect
import pickle
import textwrap

import pytest

from versionpickle import exceptions


CONCRETE = [
    cls
    for cls in map(vars(exceptions).get, exceptions.__all__)
    if "_sentence" in vars(cls) and cls.facts
]


def made(cls):
    """An error whose facts are all of their kinds."""
    examples = {
        "float": 1.5,
        "str": "m:C",
        "int": 2,
        "int | str": 2,
        "int | None": None,
        "str | None": None,
        "tuple[str, ...]": ("a", "b"),
    }
    types = {
        name: kind for base in cls.__mro__ for name, kind in inspect.get_annotations(base).items()
    }
    return cls(*(examples[types[name]] for name in cls.facts))


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_survives_pickling(cls, protocol):
    """Facts and message come back."""
    error = made(cls)

    for back in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(back) is cls
        assert str(error) == str(back)
        assert vars(error) == vars(back)


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.__name__)
def test_says_what_to_do(cls):
    """A message is more than its facts."""
    assert (
        len(str(made(cls))) > 60
        or cls is exceptions.DeclarationError
        or {"problem", "cure"} & vars(cls).get("__annotations__", {}).keys()
    )


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (exceptions.UnpicklingError, pickle.UnpicklingError),
        (exceptions.PicklingError, pickle.PicklingError),
        (exceptions.TruncatedError, EOFError),
        (exceptions.DeclarationError, ValueError),
    ],
)
def test_are_what_people_catch(cls, base):
    """Who catches pickle's errors catches ours."""
    assert issubclass(cls, base)
    assert issubclass(cls, exceptions.VersionPickleError)


def test_the_tree_is_drawn_as_it_is():
    """The picture at the top of the module shows each class below its base."""
    drawing = exceptions.__doc__.split("::\n", 1)[1].split("Facts are")[0]
    lines = textwrap.dedent(drawing).strip().splitlines()
    path = []
    for line in lines:
        name = line.strip("│├└─ ").split()[0]
        depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
        path[depth:] = [name]
        if depth:
            bases = [base.__name__ for base in getattr(exceptions, name).__bases__]
            assert path[depth - 1] in bases
    drawn = {line.strip("│├└─ ").split()[0] for line in lines}
    assert set(exceptions.__all__) == drawn


def test_base():
    """The base of all of them says nothing by itself."""
    assert str(exceptions.VersionPickleError()) == ""


def test_shows_little_of_long_facts():
    """A message is short and printable, whatever the facts are, and the facts stay whole."""
    name = "shop:C\x1b[2J\n" + "x" * 1_000_000
    for error in (
        exceptions.ForbiddenError((name,) * 100),
        exceptions.UntrustedError(name, 3),
        exceptions.UnknownClassError(name, 10**50_000, name),
        exceptions.VersionPickleError(),
    ):
        error.path, error.key = name, name
        assert len(str(error)) < 10_000
        assert str(error).isprintable()
        assert name == error.path == error.key
    assert exceptions.ForbiddenError((name,)).refs == (name,)


def test_shows_how_many_are_left_out():
    """Of a long list, a message shows the first."""
    error = exceptions.ForbiddenError(tuple(f"module:Class{number}" for number in range(1000)))

    assert "module:Class7," in str(error)
    assert " more; if you trust" in str(error)


def test_shows_all_of_what_is_short():
    """A fact of some hundred characters is shown as it is."""
    problem = "ä problem " * 50

    assert problem in str(exceptions.DamagedError(problem))
