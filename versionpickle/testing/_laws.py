"""Laws that hold for all old states of a class, tested on many examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import hypothesis

from hypothesis import errors

from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.dump.pickler import dumps
from versionpickle._project.example import parameters
from versionpickle._project.part_differences import ABSENT, PartDifference
from versionpickle._wire.stamp import Bases, Claim
from versionpickle.exceptions import (
    InvalidObjectError,
    ProjectError,
    StepError,
    VersionPickleError,
)
from versionpickle.migrations import Chain
from versionpickle.migrations._schema import Recorded

from ._differences import attributes_differ, objects_differ
from ._old import bases_of, instrumentation_for, load, old_pickle
from ._recorded import recorded_versions, version_of
from ._strategies import is_refused, known_fields, states_of
from ._types import Strategies, Strategy, Types


_SETTINGS: dict[str, Any] = {
    "database": None,  # all classes would share what failed
    "deadline": None,
    "report_multiple_bugs": False,
    "suppress_health_check": [
        hypothesis.HealthCheck.filter_too_much,
        hypothesis.HealthCheck.too_slow,
    ],
}


def check_upgrades(
    cls: type,
    version: int | None = None,
    *,
    allow_invalid: bool = False,
    types: Strategies | None = None,
    fields: Strategies | None = None,
    **settings: Any,
) -> None:
    """
    Test the steps of a class on many states of each recorded version, or of one *version*.

    Each state must load as an object of today's class; states that a ``require(...)``
    refuses are skipped.
    If the class itself refuses a state, in a validator or in its constructor, the test fails,
    unless you pass *allow_invalid*.
    The object must have the attributes of one constructed with the same values, and pickling
    and loading must not change it.
    If all steps can be undone, writing it as the old version must not change it either.
    Objects of today's version are tested as well.

    *types* and *fields* are as for `states` and `objects`; further *settings* are those of
    `hypothesis.settings`.
    Raises AssertionError with the smallest state that fails.

    >>> from hypothesis import strategies as st
    >>> from versionpickle import migration, versioned
    >>> from versionpickle.migrations import rename
    >>> from versionpickle.testing import check_upgrades
    >>> @versioned(version=2, name="doc.laws")
    ... class Order:
    ...     def __init__(self, number: int):
    ...         self.number = number
    ...         self.notes = []
    >>> migration(Order, 1, rename("no", "number"))
    >>> check_upgrades(Order, 1, fields={"no": st.integers()})
    Traceback (most recent call last):
        ...
    AssertionError: ...:Order at version 1: the attribute 'notes' is missing, and ...
    """
    __tracebackhide__ = True
    instrumentation = instrumentation_for(cls)
    types, fields = types or {}, fields or {}
    versions = _versions(instrumentation, version)
    taken = [parameter.name for parameter in parameters(cls)]
    _check_names(instrumentation, versions, taken, fields)
    own = {name: fields[name] for name in taken if name in fields}
    made = Types(cls, types).objects(cls, own)
    is_comparable = _is_comparable(instrumentation, made)
    today = instrumentation.declaration.version
    for number, known in versions:
        bases = bases_of(instrumentation, {}) if known is None else known.bases
        law = _Law(instrumentation, number, bases, is_comparable, allow_invalid)
        chosen = fields if known is None else known_fields(known, fields)
        _try(states_of(instrumentation, number, known, types, chosen), law.of_state, law, settings)
    law = _Law(instrumentation, today, (), is_comparable, allow_invalid)
    _try(made, law.of_today, law, settings)


def _versions(
    instrumentation: Instrumentation, version: int | None
) -> list[tuple[int, Recorded | None]]:
    if version is not None:
        return [(version, version_of(instrumentation, version))]
    today = instrumentation.declaration.version
    found = [
        (one.version, one)
        for one in recorded_versions(instrumentation)
        if one.fields is not None or one.version < today  # objects of today are tested anyway
    ]
    if sum(known.fields is None for _, known in found) > 1:
        problem = "several of its versions declare no fields"
        cure = "test one at a time: check_upgrades(cls, version, fields=...)"
        raise ProjectError(instrumentation.declaration.ref, problem, cure)
    return [*found]


def _check_names(
    instrumentation: Instrumentation,
    versions: list[tuple[int, Recorded | None]],
    taken: list[str],
    fields: Strategies,
) -> None:
    """Refuse strategies for fields that no version has."""
    if any(known is None or known.fields is None for _, known in versions):
        return
    names = {*taken, *(name for _, known in versions if known for name in known.names)}
    unknown = sorted(fields.keys() - names)
    if unknown:
        raise ProjectError(
            instrumentation.declaration.ref,
            f"fields= names {', '.join(unknown)}, which no version has",
            f"name some of {', '.join(sorted(names))}",
        )


def _try(
    strategy: Strategy, law: Callable[[Any], None], name: _Law, settings: dict[str, Any]
) -> None:
    __tracebackhide__ = True

    @hypothesis.settings(**{**_SETTINGS, **settings})
    @hypothesis.given(strategy)
    def test(drawn: Any) -> None:
        law(drawn)

    try:
        test()
    except _BrokenError as exc:
        raise AssertionError(str(exc)) from exc.__cause__
    except errors.Unsatisfiable:
        raise AssertionError(
            f"{name}: the class refuses nearly all values; pass strategies for the fields that "
            "need other values: fields={'amount': integers(min_value=0), ...}"
        ) from None


class _BrokenError(Exception):
    """A law does not hold."""


def _fresh(instrumentation: Instrumentation, obj: Any) -> Any:
    """
    Construct a new object with the attributes of *obj*.

    Raise AttributeError where it lacks one that the constructor wants.
    """
    given = {}
    for parameter in parameters(instrumentation.cls):
        names = (parameter.attribute, f"_{parameter.attribute}")
        attribute = next((name for name in names if hasattr(obj, name)), None)
        if attribute is not None:
            given[parameter.name] = getattr(obj, attribute)
        elif not parameter.has_default:
            raise AttributeError(parameter.attribute)
    return instrumentation.cls(**given)


def _is_comparable(instrumentation: Instrumentation, made: Strategy) -> bool:
    """Return whether the constructor gives an object again for the attributes of one."""
    settings = hypothesis.settings(**_SETTINGS, phases=[hypothesis.Phase.generate])
    try:
        obj = hypothesis.find(made, lambda obj: True, settings=settings)
        return not [*attributes_differ(instrumentation, obj, _fresh(instrumentation, obj))]
    except Exception:  # noqa: BLE001 - whatever a constructor raises, it takes other values
        return False


@attrs.frozen
class _Law:
    """The laws for the states of one version."""

    instrumentation: Instrumentation
    version: int
    bases: Bases
    is_comparable: bool
    allow_invalid: bool

    def __str__(self) -> str:
        return f"{self.instrumentation.declaration.ref} at version {self.version}"

    def of_state(self, state: dict[str, Any]) -> None:
        """Try an old state."""
        context = f"the state {state!r}"
        claim = Claim(self.instrumentation.declaration.key, self.version, tuple(state), self.bases)
        try:
            chain = self.instrumentation.chains.of(claim)
        except VersionPickleError as exc:
            raise self._broken(f"it does not load ({type(exc).__name__}: {exc})", context) from exc
        try:
            context = "\n".join([context, *map(str, chain.steps)])
            obj = load(
                self.instrumentation,
                old_pickle(self.instrumentation, self.version, state, self.bases),
            )
        except InvalidObjectError as exc:
            raise self._refused(exc, context) from exc
        except VersionPickleError as exc:
            if isinstance(exc, StepError) and is_refused(exc, list(chain.steps)):
                hypothesis.reject()
            raise self._broken(f"it does not load ({type(exc).__name__}: {exc})", context) from exc
        self._check(obj, context)
        if type(obj) is self.instrumentation.cls and _can_undo(chain):
            self._check_down(obj, context)

    def of_today(self, obj: Any) -> None:
        """Try an object that the constructor made."""
        self._check(obj, f"the object {obj!r}")

    def _check(self, obj: Any, context: str) -> None:
        registry = self.instrumentation.registry
        again = self._again(obj, lambda: dumps(obj, registry=registry), "pickled", context)
        self._compare(obj, again, "pickled and loaded again", context)
        if self.is_comparable and type(obj) is self.instrumentation.cls:
            self._compare_fresh(obj, context)

    def _check_down(self, obj: Any, context: str) -> None:
        versions: dict[str | type, int] = {self.instrumentation.cls: self.version}
        as_old = f"written as version {self.version}"
        again = self._again(
            obj,
            lambda: dumps(obj, versions=versions, registry=self.instrumentation.registry),
            as_old,
            context,
        )
        self._compare(obj, again, f"{as_old} and loaded again", context)

    def _again(self, obj: Any, write: Callable[[], bytes], how: str, context: str) -> Any:
        try:
            return load(self.instrumentation, write())
        except Exception as exc:
            problem = f"{obj!r} cannot be {how} and loaded again ({type(exc).__name__}: {exc})"
            raise self._broken(problem, context) from exc

    def _compare(self, obj: Any, again: Any, how: str, context: str) -> None:
        for one in objects_differ(obj, again):
            raise self._broken(f"{how}, it differs: {one}", context)

    def _compare_fresh(self, obj: Any, context: str) -> None:
        try:
            fresh = _fresh(self.instrumentation, obj)
        except AttributeError as exc:
            raise self._broken(_missing(str(exc)), context) from None
        except Exception as exc:
            raise self._refused(exc, context) from exc
        for one in attributes_differ(self.instrumentation, obj, fresh):
            raise self._broken(_unlike(one), context)

    def _refused(self, exc: Exception, context: str) -> _BrokenError:
        if self.allow_invalid:
            hypothesis.reject()
        return self._broken(
            f"the class refuses what the steps make ({type(exc).__name__}: {exc}); if there never "
            "was such a state, pass fields= or types=, or allow_invalid=True",
            context,
        )

    def _broken(self, problem: str, context: str) -> _BrokenError:
        lines = context.replace("\n", "\n  ")
        return _BrokenError(f"{self}: {problem}\n  {lines}")


def _can_undo(chain: Chain) -> bool:
    try:
        chain.check_undo()
    except StepError:
        return False
    return chain.ending is None


def _unlike(one: PartDifference) -> str:
    if one.was is ABSENT:
        return _missing(one.place)
    if one.found is ABSENT:
        return f"the attribute {one.place!r} exists, but a newly constructed object has none"
    return (
        f"the attribute {one.place!r} is {one.was}, and a newly constructed object has "
        f"{one.found}; let a step convert it"
    )


def _missing(name: str) -> str:
    return (
        f"the attribute {name!r} is missing, and a newly constructed object has it; let a step "
        f"add({name!r}, ...), or give the field a default"
    )
