"""Write objects as an older version of their class stored them."""

from __future__ import annotations

import functools

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from versionpickle._classes.instrument import Instrumentation
from versionpickle._classes.stored_state import unpacked
from versionpickle._wire import calls
from versionpickle._wire.refs import ref_of
from versionpickle._wire.stamp import BY_VALUES, Claim, Stamp, make_stamp
from versionpickle.exceptions import DowngradeError, MissingStepError, StepError
from versionpickle.migrations import Chain, Declaration, Registry, default_registry

from .unstamped import UNSTAMPED, UnstampedObjects, only_unstamped_version, refuse_stamp


Unstamped: TypeAlias = Literal["unstamped"]
Versions: TypeAlias = Mapping[str | type, int | Unstamped] | Unstamped


def older_reducers(registry: Registry, versions: Versions) -> dict[type, Callable[[Any], Any]]:
    """
    Return the reducers of all classes that these versions concern.

    Raise DowngradeError where a class is unknown, or a step that leads there cannot be
    undone: before anything is written.
    """
    if versions == UNSTAMPED:
        return _unstamped_reducers(registry)
    if not isinstance(versions, Mapping):
        raise TypeError(
            f"versions= takes a dict such as {{Order: 2}}, or 'unstamped', not {versions!r}"
        )
    wanted = dict(_wanted(registry, target, version) for target, version in versions.items())
    reducers: dict[type, Callable[[Any], Any]] = {}
    for instrumentation in sorted(registry.instrumentations(), key=_bases_first):
        lineage = instrumentation.lineage()
        if any(wanted.get(base) == UNSTAMPED for base in lineage):
            reducers[instrumentation.cls] = _unstamped(instrumentation)
        elif any(wanted.get(base, base.version) != base.version for base in lineage):
            reducers[instrumentation.cls] = _OldVersion(
                registry, instrumentation, lineage, wanted
            ).reduce
    return reducers


def _unstamped_reducers(registry: Registry) -> dict[type, Callable[[Any], Any]]:
    """Return the reducers that write no stamp of any class."""
    reducers: dict[type, Callable[[Any], Any]] = {Stamp: refuse_stamp}
    for known in {default_registry, registry}:
        for instrumentation in known.instrumentations():
            reducers[instrumentation.cls] = _reduce_later(instrumentation)
    return reducers


def _reduce_later(instrumentation: Instrumentation) -> Callable[[Any], Any]:
    """Return a reducer that is worked out, or refuses, once there is an object of the class."""
    made = functools.cache(lambda: _unstamped(instrumentation))

    def reduce(obj: Any) -> Any:
        return made()(obj)

    return reduce


def _unstamped(instrumentation: Instrumentation) -> Callable[[Any], Any]:
    starts = tuple((base.ref, only_unstamped_version(base)) for base in instrumentation.lineage())
    chain = _checked(instrumentation, starts, UNSTAMPED)
    objects = UnstampedObjects(instrumentation, chain)
    return lambda obj: _reduced(objects.reduce, obj, instrumentation.declaration.ref, UNSTAMPED)


def _reduced(reduce: Callable[[Any], Any], obj: Any, ref: str, version: int | str) -> Any:
    try:
        return reduce(obj)
    except StepError as exc:
        raise DowngradeError(_why(exc), ref, version) from exc


def _checked(
    instrumentation: Instrumentation, starts: tuple[tuple[str, int], ...], version: int | str
) -> Chain:
    try:
        chain = instrumentation.chains.join(starts)
        chain.check_undo()
    except (MissingStepError, StepError) as exc:
        raise DowngradeError(_why(exc), instrumentation.declaration.ref, version) from exc
    return chain


def _bases_first(instrumentation: Instrumentation) -> tuple[int, str]:
    return len(instrumentation.cls.__mro__), instrumentation.declaration.ref


def _wanted(
    registry: Registry, target: str | type, version: int | Unstamped
) -> tuple[Declaration, int | Unstamped]:
    ref = ref_of(target) if isinstance(target, type) else str(target)
    declaration = registry.declaration(ref)
    if declaration is None:
        raise DowngradeError(
            "nobody declared a class of this name; give the class, its ref such as "
            "'shop.models:Order', or its stable name",
            ref,
            version,
        )
    if version == UNSTAMPED:
        return declaration, UNSTAMPED
    oldest, newest = declaration.oldest, declaration.version
    if type(version) is not int or not oldest <= version <= newest:
        problem = f"its versions are the ints from {oldest} to {newest}, and 'unstamped'"
        raise DowngradeError(problem, declaration.ref, version)
    return declaration, version


class _OldVersion:
    """Reduce the objects of one class as it once did."""

    def __init__(
        self,
        registry: Registry,
        instrumentation: Instrumentation,
        lineage: tuple[Declaration, ...],
        wanted: Mapping[Declaration, Any],
    ) -> None:
        self._instrumentation = instrumentation
        self._plain = registry.reducers.get(instrumentation.cls)
        starts = tuple((base.ref, wanted.get(base, base.version)) for base in lineage)
        *bases, (_, self._version) = zip(lineage, [number for _, number in starts], strict=True)
        self._bases = tuple((base.key, number) for base, number in bases)
        self._chain = _checked(instrumentation, starts, self._version)
        self._stamps: dict[Any, Stamp] = {}

    def reduce(self, obj: Any) -> Any:
        reduced = self._plain(obj) if self._plain else self._instrumentation.codec.reduce(obj, 4)
        if isinstance(reduced, str):
            return reduced
        ref = self._instrumentation.declaration.ref
        return _reduced(lambda whole: self._older(*whole), reduced, ref, self._version)

    def _older(self, function: Any, args: Any, state: Any = None, *rest: Any) -> Any:
        stamps = [part for part in (function, *args) if type(part) is Stamp]
        if not stamps:  # it is stored as an object of another class
            return function, args, state, *rest
        stamp = stamps[0]
        if stamp.claim.is_by_values:
            return self._of_values(stamp, args, state, *rest)
        if function is calls.member:
            older, args = self._stamp(None), (stamp, self._member(args[1]))
        elif function is calls.rebuild:
            older, undone = self._undone(None, args[2])
            args = (*args[:2], undone, *args[3:])
        elif state is None:  # what the call holds is all there is, and no step has seen it
            older, _ = self._undone(None, None)
        else:
            older, state = self._older_state(stamp, state)
        replace = functools.partial(_replaced, stamp, older)
        return replace(function), tuple(map(replace, args)), state, *rest

    def _member(self, stored: Any) -> Any:
        """Return what an enum's member, or a flag's parts, were called."""
        if type(stored) is tuple:
            return tuple(map(self._member, stored))
        if type(stored) is not str:  # bits without a name, or a value that was made up
            return stored
        undone: Any = self._chain.undo({"name": stored}, set())
        return undone["name"]

    def _of_values(self, stamp: Stamp, args: Any, state: Any, *rest: Any) -> Any:
        undone: Any = self._chain.undo(dict(zip(stamp.claim.names, args, strict=True)), set())
        older = self._stamp((BY_VALUES, *undone))
        return older, (*undone.values(),), state and (older, *state[1:]), *rest

    def _older_state(self, stamp: Stamp, state: Any) -> tuple[Stamp, Any]:
        names = stamp.claim.fields
        if names is None:
            older, stored = self._undone(None, state[1])
            return older, (older, stored, *state[2:])
        whole, items = state[: len(names) + 2], state[len(names) + 2 :]
        values, unset, extras = unpacked(stamp.claim, whole)
        if self._instrumentation.codec.layout.open:
            values, extras = {**values, **extras}, {}
        undone: Any = self._chain.undo(values, unset)
        older = self._stamp((*undone, *sorted(unset)))
        further = (extras,) if extras or unset or items else ()
        return older, (older, *undone.values(), *[older] * len(unset), *further, *items)

    def _undone(self, fields: Any, stored: Any) -> tuple[Stamp, Any]:
        undone = stored if stored is None else self._chain.undo(stored, set())
        return self._stamp(fields), undone

    def _stamp(self, fields: tuple[str, ...] | None) -> Stamp:
        """Return a stamp that is only written."""
        if fields not in self._stamps:
            claim = Claim(
                self._instrumentation.declaration.key, self._version, fields, self._bases
            )
            self._stamps[fields] = make_stamp(
                self._instrumentation.cls, claim, write_only, self._instrumentation.check_reachable
            )
        return self._stamps[fields]


def _why(exc: StepError | MissingStepError) -> str:
    """Return what prevents the way back."""
    if isinstance(exc, StepError):
        return f"{exc.step} failed: {exc.problem}"
    return f"no step leaves version {exc.missing} of {exc.ref}, so none can lead back to it"


def write_only(obj: Any, state: Any) -> None:
    """Fill nothing: the stamp is only written."""
    raise NotImplementedError


def _replaced(stamp: Stamp, older: Stamp, part: Any) -> Any:
    return older if part is stamp else part
