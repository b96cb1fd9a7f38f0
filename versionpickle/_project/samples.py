"""Samples: pickles of each version of each class, written by the code of that version."""

from __future__ import annotations

import datetime
import decimal
import json
import pickle

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from versionpickle._classes.instrument import Instrumentation, instrumentation_of
from versionpickle._classes.placeholder import Placeholder
from versionpickle._pickles.files import write_file
from versionpickle._pickles.rewrite.snapshot import ref_today, translated
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import ProjectError
from versionpickle.migrations import Registry
from versionpickle.migrations._schema import RecordedField

from .schemas import file_name


_F = TypeVar("_F", bound=Callable[[], Any])

MAKERS: dict[str, dict[str, Callable[[], Any]]] = {}
"""The functions that make samples, by the ref of the class, and by their own names."""


def sample(cls: type) -> Callable[[_F], _F]:
    """
    Mark a function without arguments that makes a sample of *cls*.

    For each version of the class, ``versionpickle record`` stores what it returns, under
    the name of the function.

    >>> from versionpickle.testing import sample
    >>> @sample(dict)
    ... def basic():
    ...     return {"answer": 42}
    """

    def mark(function: _F) -> _F:
        MAKERS.setdefault(ref_of(cls), {})[function.__name__] = function
        return function

    return mark


@attrs.frozen
class Sample:
    """The file of one sample, next to the file of its descriptions."""

    key: str
    version: int
    name: str
    file: Path

    @property
    def descriptions(self) -> Path:
        return self.file.with_suffix(".json")

    def load(self) -> Any:
        """Load it as plain pickle does."""
        return pickle.loads(self.file.read_bytes())

    def described(self, version: str, found: Mapping[str, Any], registry: Registry) -> Any:
        """
        Return the recorded description at a *version* of today; None if there is none.

        There is none either if a class in what was *found* had another version then.
        """
        known = self._all().get(version)
        if known is None:
            return None
        then = {ref_today(ref, registry): numbers for ref, numbers in known["versions"].items()}
        if any(found["versions"].get(ref, numbers) != numbers for ref, numbers in then.items()):
            return None
        return translated(known["object"], registry)

    def newer_class(self, found: Mapping[str, Any], registry: Registry) -> str | None:
        """Return the class in the object that has another version than was recorded last."""
        for known in reversed(self._all().values()):
            then = {ref_today(ref, registry): one for ref, one in known["versions"].items()}
            new = (ref for ref, one in found["versions"].items() if then.get(ref, one) != one)
            return next(new, None)
        return None

    def recorded_names(self) -> set[str] | None:
        """Return the names of the attributes that it had at its own version."""
        known = self._all().get(str(self.version), {}).get("object")
        state = known.get("state", {"dict": []}) if isinstance(known, dict) else {}
        return {name for name, _ in state["dict"]} if state.keys() == {"dict"} else None

    def describe(self, version: str, found: Mapping[str, Any]) -> None:
        """Record what the sample is at a *version* of today."""
        known = self._all() | {version: found}
        write_file(self.descriptions, (json.dumps(known, indent=1) + "\n").encode())

    def _all(self) -> dict[str, Any]:
        if not self.descriptions.exists():
            return {}
        try:
            known: dict[str, Any] = json.loads(self.descriptions.read_text("utf-8"))
            for one in known.values():
                _ = one["versions"].items(), one["object"]
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            problem = f"this is not a valid description of a sample ({type(exc).__name__}: {exc})"
            cure = "restore the file from version control"
            raise ProjectError(str(self.descriptions), problem, cure) from None
        return known


def outcome(obj: Any) -> str:
    """Return the version under which to describe an object whose class is gone."""
    if isinstance(obj, Placeholder):
        return "placeholder"
    instrumentation = instrumentation_of(type(obj))
    return (
        "value"
        if instrumentation is None
        else f"{instrumentation.declaration.key} {instrumentation.declaration.version}"
    )


def samples_in(folder: Path, key: str) -> list[Sample]:
    """Return the samples of a class, the oldest first."""
    found = []
    for file in folder.glob("*.pickle"):
        version, _, name = file.stem.partition("-")
        if not version.isdecimal() or not name:
            problem = "the name of a sample is its version and a word"
            raise ProjectError(str(file), problem, "call it 1-basic.pickle, for example")
        found.append(Sample(key, int(version), name, file))
    return sorted(found, key=lambda one: (one.version, one.name))


def makers(instrumentation: Instrumentation) -> Mapping[str, Callable[[], Any]]:
    """Return the functions that make the samples of a class, by the names of these."""
    return MAKERS.get(instrumentation.declaration.ref) or {"made": lambda: _made(instrumentation)}


def missing_samples(folder: Path, instrumentation: Instrumentation) -> Iterator[Sample]:
    """Yield the samples of today's version that are not there yet."""
    declaration = instrumentation.declaration
    for name in makers(instrumentation):
        stem = f"{declaration.version}-{name}"
        file = folder / file_name(declaration.key) / f"{stem}.pickle"
        if not file.exists():
            yield Sample(declaration.key, declaration.version, name, file)


def _made(instrumentation: Instrumentation) -> Any:
    from .example import example  # noqa: PLC0415 - only where the user made none

    return example(instrumentation.cls)


def store(sample: Sample, instrumentation: Instrumentation) -> None:
    """Make and write a sample; raise ProjectError if that cannot be done."""
    data = _dumped(instrumentation, sample.name, makers(instrumentation)[sample.name]())
    sample.file.parent.mkdir(parents=True, exist_ok=True)
    write_file(sample.file, data)


def _dumped(instrumentation: Instrumentation, name: str, obj: Any) -> bytes:
    try:
        return pickle.dumps(obj, protocol=4)
    except Exception as exc:
        problem = f"its sample {name!r} cannot be pickled ({type(exc).__name__}: {exc})"
        cure = (
            "list the fields that must not be stored in transient=, or make another object in "
            f"a function with @versionpickle.testing.sample({instrumentation.cls.__name__})"
        )
        raise ProjectError(instrumentation.declaration.ref, problem, cure) from exc


@attrs.frozen
class Unmade:
    """A sample that cannot be made again; samples of exceptions are exceptions as well."""

    reason: Exception


def made_again(instrumentation: Instrumentation) -> Iterator[tuple[str, Any]]:
    """Yield the samples of today, made again, pickled and loaded; or why that fails."""
    for name, make in makers(instrumentation).items():
        try:
            yield name, pickle.loads(pickle.dumps(make(), protocol=4))
        except Exception as exc:  # noqa: BLE001 - the findings report it
            yield name, Unmade(exc)


def kinds_of(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the types of plain values in a state; those of others are empty."""
    return {
        name: type(value).__name__ if type(value) in _PLAIN else ""
        for name, value in state.items()
    }


def fields_in_all(states: list[dict[str, str]]) -> tuple[RecordedField, ...]:
    """Return the attributes that all states have, with their type if it is one."""
    names = (
        [name for name in states[0] if all(name in other for other in states)] if states else []
    )
    return tuple(
        RecordedField(name, states[0][name] * all(states[0][name] == one[name] for one in states))
        for name in names
    )


def attribute_names(obj: Any) -> set[str]:
    return {*getattr(obj, "__dict__", ())}


_PLAIN = frozenset(
    {
        bool,
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        decimal.Decimal,
        dict,
        float,
        int,
        list,
        set,
        str,
        tuple,
    }
)
_NARROWER = {(bool, int), (bool, float), (int, float)}


def retyped_attributes(old: Any, new: Any) -> dict[str, tuple[str, str]]:
    """Return the types of plain values that one object has, and another cannot have."""
    pairs = {
        name: (type(value), type(vars(new)[name]))
        for name, value in getattr(old, "__dict__", {}).items()
        if name in vars(new)
    }
    return {
        name: (one.__name__, other.__name__)
        for name, (one, other) in pairs.items()
        if _PLAIN.issuperset({one, other}) and one is not other and (one, other) not in _NARROWER
    }
