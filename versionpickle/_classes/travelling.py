"""
Classes that travel by value, as those of a script or a notebook do with cloudpickle and dill.

What hangs on such a class declares it again at the other end, with its steps.
"""

from __future__ import annotations

import threading
import weakref

from typing import Any

import attrs

from versionpickle._wire.calls import wire_function
from versionpickle._wire.refs import is_written_in_c, look_up, ref_of
from versionpickle._wire.stamp import Claim, Stamp
from versionpickle.migrations import Declaration, Registry, Step, default_registry

from .instrument import Instrumentation, instrumentation_of
from .methods import KNOWN, new_id, take_early


_LOCK = threading.RLock()
_DEFAULT = "default"
_REGISTRIES: weakref.WeakValueDictionary[str, Registry] = weakref.WeakValueDictionary()
_IDS: weakref.WeakKeyDictionary[Registry, str] = weakref.WeakKeyDictionary()


@wire_function
def registry_of_id(identity: str, name: str) -> Registry:
    """Return the registry that is the one of this id in all processes."""
    if identity == _DEFAULT:
        return default_registry
    with _LOCK:
        known = _REGISTRIES.get(identity)
        if known is None:
            known = _REGISTRIES[identity] = Registry(name)
            _IDS[known] = identity
        return known


def _reduced_registry(registry: Registry) -> tuple[Any, ...]:
    if registry is default_registry:
        return registry_of_id, (_DEFAULT, registry.name)
    with _LOCK:
        identity = _IDS.setdefault(registry, new_id())
        _REGISTRIES[identity] = registry
    return registry_of_id, (identity, registry.name)


def _writes_by_value(pickler: Any, cls: type) -> bool:
    """Return whether *pickler* writes *cls* itself, where pickle writes its name."""
    override = getattr(pickler, "reducer_override", None)
    if override is not None:  # as cloudpickle has
        return override(cls) is not NotImplemented
    return getattr(pickler, "_byref", True) is False and not _is_importable(cls)  # as dill has


def _is_importable(cls: type) -> bool:
    try:
        return cls.__module__ != "__main__" and look_up(ref_of(cls)) is cls
    except LookupError:
        return False


def _reduced_stamp(stamp: Stamp, caller: Any) -> tuple[Any, ...] | None:
    """Return what *stamp* reduces to for the pickler that calls, if the class must travel."""
    known = instrumentation_of(stamp.cls)
    if known is None:
        return None
    pickler = caller.f_locals.get("self")
    of_script = known.declaration.adopted_by == "__main__"
    can_travel = hasattr(pickler, "reducer_override") or hasattr(pickler, "_byref")
    if (of_script and can_travel) or _writes_by_value(pickler, stamp.cls):
        return revive_here, (known, *stamp.described[1:])
    return None


@wire_function
def revive_here(known: Instrumentation, *described: Any) -> Stamp:
    """Return the stamp of a class that came along."""
    return known.stamp(Claim(*described))


def _reduced_instrumentation(known: Instrumentation, caller: Any) -> tuple[Any, ...]:
    # dill writes a class as one call, of which the class itself cannot be a part.
    pickler = caller.f_locals.get("self")
    is_open = id(known.cls) in getattr(pickler, "_postproc", ())
    declaration = known.declaration
    settings = {
        field.name: getattr(declaration, field.name)
        for field in attrs.fields(Declaration)
        if field.init
    }
    return declare_again, (
        known.identity,
        None if is_open else known.cls,
        known.registry,
        settings,
        declaration.adopted_by,
        known.plain.originals,
        _steps_of(known),
    )


def _steps_of(known: Instrumentation) -> list[Step]:
    """Return the steps that travel with the class: those that no module would register again."""
    declaration = known.declaration
    if declaration.migrations is not None:
        return []
    return [step for name in declaration.names() for step in known.registry.steps_of(name)]


@wire_function
def declare_again(
    identity: str,
    cls: type | None,
    registry: Registry,
    settings: dict[str, Any],
    adopted_by: str | None,
    originals: dict[str, Any],
    steps: list[Step],
) -> Instrumentation:
    """Declare a class that came by value, as it was declared where it came from."""
    is_found = cls is not None and _is_importable(cls)
    present = instrumentation_of(cls) if cls is not None and is_found else None
    if present is not None:
        return present
    with _LOCK:
        if identity not in KNOWN:
            declaration = Declaration(**settings)
            declaration.adopted_by = adopted_by
            made = Instrumentation(cls or object, declaration, registry, identity)
            made.plain.originals.update(originals)
            made.adopt_early(take_early(identity))
        known: Instrumentation = KNOWN[identity]
    _declare(known, steps)
    if cls is not None and is_found and not is_written_in_c(cls):  # it was adopted elsewhere
        known.install(cls)
    return known


def _declare(known: Instrumentation, steps: list[Step]) -> None:
    """Let the registry know the class, unless it knows one that is better."""
    registry, declaration = known.registry, known.declaration
    with registry.lock:
        present = registry.declared(declaration.ref)
        if present is declaration or (present is not None and _is_at_home(present)):
            return
        for name in declaration.names():
            registry.forget_steps(name)
        registry.declare(declaration)
        for step in steps:
            registry.add_step(step)


def _is_at_home(declaration: Declaration) -> bool:
    """Whether the class is where its ref leads to."""
    try:
        return look_up(declaration.ref) is declaration.instrumentation.cls
    except LookupError:
        return False


Stamp.travels = staticmethod(_reduced_stamp)
Instrumentation.travels = staticmethod(_reduced_instrumentation)
Registry.__reduce__ = _reduced_registry  # type: ignore[assignment, method-assign]
