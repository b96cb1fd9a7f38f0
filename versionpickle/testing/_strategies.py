"""Hypothesis strategies for old states and today's objects."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from versionpickle._classes.instrument import Instrumentation
from versionpickle.exceptions import InvalidObjectError, ProjectError, StepError
from versionpickle.migrations import Step
from versionpickle.migrations._operations import Require
from versionpickle.migrations._schema import Recorded

from ._old import bases_of, instrumentation_for, load, old_pickle
from ._recorded import old_versions, version_of
from ._types import Strategies, Strategy, Types


def states(
    cls: type,
    version: int = 1,
    *,
    types: Strategies | None = None,
    fields: Strategies | None = None,
) -> Strategy:
    """
    Return a strategy of the states that objects of an old *version* had, as dicts.

    Their fields and types are those that ``versionpickle record`` recorded for that
    version; for today's version, those of the class.
    *types* gives strategies for types by name: for types that are gone, and for types that
    are too wide; *fields* gives strategies for fields by name, and must give all fields of a
    version for which none are recorded.
    Numbers are finite.
    Raises ProjectError, which names what to pass, if something is missing.

    >>> import attrs
    >>> from hypothesis import find, strategies as st
    >>> from versionpickle import versioned
    >>> from versionpickle.testing import states
    >>> @versioned(version=2)
    ... @attrs.define
    ... class Order:
    ...     number: int
    ...     notes: list[str]
    >>> find(states(Order, 2, fields={"number": st.integers(min_value=7)}), lambda state: True)
    {'number': 7, 'notes': []}
    >>> find(states(Order, 1, fields={"no": st.integers()}), lambda state: state["no"] > 2)
    {'no': 3}
    """
    instrumentation = instrumentation_for(cls)
    return states_of(
        instrumentation, version, version_of(instrumentation, version), types or {}, fields or {}
    )


def states_of(
    instrumentation: Instrumentation,
    version: int,
    known: Recorded | None,
    types: Strategies,
    fields: Strategies,
) -> Strategy:
    if known is None or known.fields is None:
        if fields:
            return st.fixed_dictionaries(dict(fields))
        problem = (
            f"no fields are recorded of its version {version}"
            if known is None
            else f"it declares no fields at version {version}"
        )
        cure = "give strategies for all that it stored: fields={'number': integers(), ...}"
        raise ProjectError(instrumentation.declaration.ref, problem, cure)
    if any(field.type == "member" for field in known.fields):
        return st.fixed_dictionaries({"name": st.sampled_from(known.names)})
    unknown = sorted(fields.keys() - {*known.names})
    if unknown:
        raise ProjectError(
            instrumentation.declaration.ref,
            f"fields= names {', '.join(unknown)}, and its version {version} had no such field",
            f"name some of {', '.join(known.names)}",
        )
    made_of = Types(instrumentation.cls, types)
    recorded_types = {one.name: one.type for one in known.fields if one.name not in fields}
    inferred = {name: made_of.of_text(kind, name) for name, kind in recorded_types.items()}
    return st.fixed_dictionaries({name: {**inferred, **fields}[name] for name in known.names})


def objects(
    cls: type, *, types: Strategies | None = None, fields: Strategies | None = None
) -> Strategy:
    """
    Return a strategy of objects of today's class, made by its constructor.

    What the constructor refuses, by validators or otherwise, is left out.
    *types* and *fields* are as for `states`; *fields* are the arguments here.

    >>> import attrs
    >>> from hypothesis import find
    >>> from versionpickle.testing import objects
    >>> @attrs.define
    ... class Order:
    ...     number: int = attrs.field(validator=attrs.validators.gt(4))
    ...     memo: str | None = None
    >>> find(objects(Order), lambda order: True)
    Order(number=5, memo=None)
    """
    return Types(cls, types or {}).objects(cls, fields or {})


def upgrades(
    cls: type,
    version: int | None = None,
    *,
    types: Strategies | None = None,
    fields: Strategies | None = None,
) -> Strategy:
    """
    Return a strategy of pairs: an old state, and the object of today that it becomes.

    Without a *version*, the states are of all recorded versions before today's, as far as
    they have the *fields*.
    What a ``require(...)`` or a validator refuses is left out.

    >>> import attrs
    >>> from hypothesis import find, strategies as st
    >>> from versionpickle import migration, versioned
    >>> from versionpickle.migrations import rename
    >>> from versionpickle.testing import upgrades
    >>> @versioned(version=2, name="doc.upgrades")
    ... @attrs.define
    ... class Order:
    ...     amount: int
    >>> migration(Order, 1, rename("total", "amount"))
    >>> find(upgrades(Order, 1, fields={"total": st.integers()}), lambda pair: True)
    ({'total': 0}, Order(amount=0))
    """
    instrumentation = instrumentation_for(cls)
    if version is not None:
        return _pairs(
            instrumentation,
            version,
            version_of(instrumentation, version),
            types or {},
            fields or {},
        )
    found = old_versions(instrumentation)
    if not found:
        problem = "it has no recorded versions before today's"
        raise ProjectError(instrumentation.declaration.ref, problem, "give the version")
    pairs = [
        _pairs(instrumentation, one.version, one, types or {}, known_fields(one, fields or {}))
        for one in found
    ]
    return st.one_of(pairs)


def _pairs(
    instrumentation: Instrumentation,
    version: int,
    known: Recorded | None,
    types: Strategies,
    fields: Strategies,
) -> Strategy:
    bases = bases_of(instrumentation, {}) if known is None else known.bases

    def pair(state: dict[str, Any]) -> Any:
        try:
            return state, load(instrumentation, old_pickle(instrumentation, version, state, bases))
        except InvalidObjectError:
            pass
        except StepError as exc:
            if not is_refused(exc, instrumentation.registry.steps()):
                raise
        return None

    return states_of(instrumentation, version, known, types, fields).map(pair).filter(bool)


def known_fields(known: Recorded, fields: Strategies) -> Strategies:
    """Return those of *fields* that a version had; all if none are recorded."""
    if known.fields is None:
        return fields
    return {name: fields[name] for name in fields if known.field(name) is not None}


def is_refused(exc: StepError, steps: list[Step]) -> bool:
    """Return whether one of the steps requires what a state does not have."""
    requirements = [
        operation
        for step in steps
        for operation in step.operations
        if isinstance(operation, Require)
    ]
    return exc.problem in {
        f"the field {operation.name!r}: {operation.message}" for operation in requirements
    }
