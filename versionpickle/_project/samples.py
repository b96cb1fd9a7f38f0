"""Samples: pickles of each version of each class, written by the code of that version."""

from __future__ import annotations

import json
import pickle

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from versionpickle._classes.instrument import Instrumentation, instrumentation_of
from versionpickle._classes.placeholder import Placeholder
from versionpickle._pickles.files import write_file
from versionpickle._pickles.rewrite.snapshot import description, ref_today, translated
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


class WaitingSampleError(ProjectError):
    """A sample cannot be stored before other classes are recorded."""


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

    def recorded_types(self) -> dict[str, str] | None:
        """Return the attributes that it had at its own version, and the names of their types."""
        known = self._all().get(str(self.version), {}).get("object")
        state = known.get("state", {"dict": []}) if isinstance(known, dict) else {}
        if state.keys() != {"dict"}:
            return None
        return {name: _type_in(part) for name, part in state["dict"]}

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


def store(sample: Sample, instrumentation: Instrumentation, changed: set[str]) -> None:
    """
    Make and write a sample; raise ProjectError if that cannot be done.

    Its bytes are for ever, so it must not hold objects of the classes that have *changed*
    without a new version: then this raises WaitingSampleError.
    """
    obj = makers(instrumentation)[sample.name]()
    data = _dumped(instrumentation, sample.name, obj)
    held = sorted(changed & description(obj)["versions"].keys())
    if held:
        problem = f"its sample {sample.name!r} holds {', '.join(held)}, which is not recorded yet"
        cure = f"first do what 'versionpickle check' prints for {', '.join(held)}"
        raise WaitingSampleError(instrumentation.declaration.ref, problem, cure)
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
    kinds = {name: type(value).__name__ for name, value in state.items()}
    return {name: kind if kind in _PLAIN else "" for name, kind in kinds.items()}


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
    {"Decimal", "bool", "bytes", "date", "datetime", "dict", "float", "int", "list", "set", "str"}
    | {"time", "timedelta", "tuple"}
)
_NARROWER = {("bool", "int"), ("bool", "float"), ("int", "float")}


def types_of(obj: Any) -> dict[str, str]:
    """Return the attributes of an object, and the names of their types."""
    return {name: type(value).__name__ for name, value in getattr(obj, "__dict__", {}).items()}


def retyped(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the types of plain values that one object has, and another cannot have."""
    pairs = {name: (one, new[name]) for name, one in old.items() if name in new}
    return {
        name: pair
        for name, pair in pairs.items()
        if _PLAIN.issuperset(pair) and pair[0] != pair[1] and pair not in _NARROWER
    }


def _type_in(part: Any) -> str:
    """Return the name of the type of a part of a snapshot."""
    if not isinstance(part, dict):
        return type(part).__name__
    return str(part.get("class", next(iter(part)))).rpartition(":")[2]
