"""
Every error of versionpickle, in one tree.

::

    VersionPickleError
    ├── DeclarationError           (ValueError)  a declaration that cannot be meant
    ├── ProjectError               (ValueError)  a configuration, schema or sample that is no good
    ├── StoreError                               a store that cannot be used as it is asked to
    │   ├── NotAStoreError                       what is no store, or of a newer format
    │   ├── LockedStoreError                     another program holds the store for too long
    │   ├── DamagedStoreError                    a store whose file is broken
    │   └── ConflictError                        a record that somebody else changed meanwhile
    ├── PicklingError              (pickle.PicklingError, TypeError, AttributeError)
    │   ├── UnpicklableError                     an object that cannot be pickled, and where it is
    │   ├── UnreachableClassError                a class that no load could find again
    │   └── DowngradeError                       an older version that cannot be written
    └── UnpicklingError            (pickle.UnpicklingError)
        ├── TruncatedError         (EOFError)    the bytes end too early
        ├── DamagedError         (ValueError)    the bytes are no pickle, or hold more than one
        │   ├── EncodingError                    a string of Python 2 in another encoding
        │   └── NotAPickleError                  what is gzip, JSON, joblib's or something else
        ├── DamagedRecordError     (ValueError)  a record of a store that is not what was stored
        ├── BuildError                           a class that cannot cope with its data
        ├── CycleError                           an object that is part of what needs its hash
        ├── ForbiddenError                       names that a load may not build
        ├── UntrustedError                       what no pickler writes, met under limits=
        ├── LimitError                           more than limits= allows
        ├── StampError                           a stamp that does not say what a stamp says
        ├── UnknownClassError                    a stamp of a class that nobody declared
        └── UpgradeError                         old data that does not reach today's class
            ├── FutureVersionError
            ├── PastVersionError
            ├── MissingStepError
            ├── StepError
            ├── FieldsError
            ├── InvalidObjectError
            └── PlainLoadError                   what only versionpickle's own loads can make

Facts are attributes; the message is made from them.
All of these errors can be pickled.
"""

from __future__ import annotations

import pickle

from typing import Any, ClassVar, dataclass_transform


__all__ = [
    "BuildError",
    "ConflictError",
    "CycleError",
    "DamagedError",
    "DamagedRecordError",
    "DamagedStoreError",
    "DeclarationError",
    "DowngradeError",
    "EncodingError",
    "FieldsError",
    "ForbiddenError",
    "FutureVersionError",
    "InvalidObjectError",
    "LimitError",
    "LockedStoreError",
    "MissingStepError",
    "NotAPickleError",
    "NotAStoreError",
    "PastVersionError",
    "PicklingError",
    "PlainLoadError",
    "ProjectError",
    "StampError",
    "StepError",
    "StoreError",
    "TruncatedError",
    "UnknownClassError",
    "UnpicklableError",
    "UnpicklingError",
    "UnreachableClassError",
    "UntrustedError",
    "UpgradeError",
    "VersionPickleError",
]


@dataclass_transform()
class VersionPickleError(Exception):
    """Be the base of every error that versionpickle raises."""

    # attrs would do this as well, but takes a sixth of our time to import for it.
    facts: ClassVar[tuple[str, ...]] = ()
    """The names of its facts, in the order of its arguments."""

    _path: ClassVar[str | None] = None
    _key: ClassVar[Any] = None

    def __init_subclass__(cls) -> None:
        inherited = (base.facts for base in cls.__bases__ if hasattr(base, "facts"))
        cls.facts = (*next(inherited), *vars(cls).get("__annotations__", ()))

    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)
        for name, fact in zip(self.facts, facts, strict=True):
            setattr(self, name, fact)

    @property
    def path(self) -> str | None:
        """
        Where the error arose, as a user would type it: ``order.items[2]``.

        None for the outermost object, and where it is not known.
        """
        return self._path

    @path.setter
    def path(self, path: str | None) -> None:
        vars(self)["_path"] = path

    @property
    def key(self) -> Any:
        """Under which key of a store the pickle is kept; None where it is in none."""
        return self._key

    @key.setter
    def key(self, key: Any) -> None:
        vars(self)["_key"] = key

    def __str__(self) -> str:
        sentence = self._sentence()
        told = sentence if self.path is None else f"{self.path}: {sentence}"
        return told if self.key is None else f"record {self.key!r}: {told}"

    def _sentence(self) -> str:
        return Exception.__str__(self)


class DeclarationError(VersionPickleError, ValueError):
    """Refuse a declaration: what is wrong with it, and the cure."""

    ref: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.ref}: {self.problem}; {self.cure}"


class ProjectError(VersionPickleError, ValueError):
    """Say what is wrong with a file that the guard of a project needs, and the cure."""

    file: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.file}: {self.problem}; {self.cure}"


class StoreError(VersionPickleError):
    """Say what is wrong with a store, and the cure."""

    store: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.store}: {self.problem}; {self.cure}"


class NotAStoreError(StoreError):
    """Refuse a file that is no store, or that newer code made."""


class LockedStoreError(StoreError):
    """Say that others held a store for longer than one may wait; nothing was changed."""


class DamagedStoreError(StoreError):
    """Say that a store's file is broken."""


class ConflictError(StoreError):
    """Say that somebody else changed a record between its being read and being written."""


class PicklingError(VersionPickleError, pickle.PicklingError, TypeError, AttributeError):
    """
    Say that an object could not be pickled.

    pickle raises one of three errors for this; here it is all three.
    """

    problem: str

    def _sentence(self) -> str:
        return self.problem


class UnpicklableError(PicklingError):
    """Say what cannot be pickled, why not, and what to do; `path` says where it is."""

    met: str
    cure: str

    def _sentence(self) -> str:
        return f"cannot pickle {self.met}: {self.problem}; {self.cure}"


class UnreachableClassError(PicklingError):
    """Refuse to write objects of a class that no load could find again."""

    ref: str

    def _sentence(self) -> str:
        return (
            f"cannot pickle objects of {self.ref}: {self.problem}, so no load could find "
            "the class again; move it to the top of its module, or give it a stable "
            "name with name=..."
        )


class DowngradeError(PicklingError):
    """Refuse to write a class in an older version, before anything is written."""

    ref: str
    version: int

    def _sentence(self) -> str:
        return (
            f"cannot write {self.ref} at version {self.version!r}: {self.problem}; nothing was "
            "written, so mend that or name another version in versions="
        )


class UnpicklingError(VersionPickleError, pickle.UnpicklingError):
    """Be the base of every error of a load."""


class TruncatedError(UnpicklingError, EOFError):
    """Say that the bytes end before the pickle does."""

    size: int | None

    def _sentence(self) -> str:
        met = "the data" if self.size is None else f"the data ({self.size} bytes)"
        return f"{met} ended before the pickle did; it was cut short, restore it from a whole copy"


class DamagedError(UnpicklingError, ValueError):
    """Say that the bytes are not one whole pickle."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"these bytes are not one whole pickle: {self.problem}; "
            "restore them from a good copy, or look at them with pickletools.dis"
        )


class NotAPickleError(DamagedError):
    """Say what bytes are that are no pickle, and how to read them."""

    cure: str

    def _sentence(self) -> str:
        return f"{self.problem}; {self.cure}"


class EncodingError(DamagedError):
    """Say that a string that Python 2 wrote cannot be decoded as the load was told to."""

    string: str
    """The string, or a part of it, as Python shows bytes."""

    encoding: str

    def _sentence(self) -> str:
        return (
            f"{self.problem}; load it with encoding='latin1', which datetime and numpy need, or "
            "with the encoding of its texts if that is another one"
        )


class DamagedRecordError(UnpicklingError, ValueError):
    """Say that the bytes of a record are not those that were stored."""

    store: str
    problem: str

    def _sentence(self) -> str:
        return (
            f"{self.problem}; restore it from a backup of {self.store} and store it again, or "
            "delete it: nothing was changed"
        )


class BuildError(UnpicklingError):
    """Say that a class, or a function in the pickle, raised an error of its own."""

    problem: str
    ref: str | None
    """What the pickle names for the object, if that is known."""

    def _sentence(self) -> str:
        met = self.ref or "an object"
        return (
            f"{met} could not be built from its pickle: {self.problem}; if its class stores "
            "other fields by now, a migration() step is missing; if it is made by a call that "
            "takes other arguments by now, give a function that takes the old ones with alias()"
        )


class CycleError(UnpicklingError):
    """Say that an object is needed, or its hash, before it can be there."""

    ref: str | None
    """The class of what needs it."""

    member: str
    """The path of the object."""

    def _sentence(self) -> str:
        return (
            f"this {self.ref or 'object'} needs {self.member}, of which it is part, or its hash, "
            "before that has its state; keep it in a list or tuple there, or compare it by "
            "identity (eq=False)"
        )


class ForbiddenError(UnpicklingError):
    """List every name in a pickle that a load may not build."""

    refs: tuple[str, ...]

    @property
    def cures(self) -> tuple[str, ...]:
        """What to give to `allow`: the refs, or the named sets that hold them."""
        cures: tuple[str, ...] = vars(self).get("_cures", self.refs)
        return cures

    @cures.setter
    def cures(self, cures: tuple[str, ...]) -> None:
        vars(self)["_cures"] = cures

    def _sentence(self) -> str:
        names = ", ".join(self.refs)
        calls = ", ".join(map(repr, self.cures))
        return (
            f"this pickle asks for {names}, which nobody allowed; if you trust what they "
            f"do, call versionpickle.allow({calls}) before loading (or pass "
            "allow=[...] to this load); if a class has moved or is gone, declare it "
            "with alias() or retire(); if another registry knows it, pass registry="
        )


class UntrustedError(UnpicklingError):
    """Refuse what no pickler writes, in a load with ``limits=``."""

    problem: str
    offset: int
    """Where in the pickle the opcode stands that is refused."""

    def _sentence(self) -> str:
        return (
            f"at byte {self.offset}: {self.problem}; picklers do not write this by themselves, so "
            "if these bytes are not your own, do not use them"
        )


class LimitError(UnpicklingError):
    """Refuse what takes more than ``limits=`` allows."""

    limit: str
    """The name of the bound, as in ``Limits``."""

    allowed: float
    value: float
    """What was met."""

    offset: int
    """Where in the pickle it was met."""

    def _sentence(self) -> str:
        value = f"{self.value:.2f}" if isinstance(self.value, float) else self.value
        met = f"{value} {_MEASURED.get(self.limit, self.limit)}"
        return (
            f"at byte {self.offset}: {met}, and no more than {self.allowed} are allowed; if you "
            "know where these bytes come from and want them all the same, pass "
            f"limits=Limits({self.limit}=...)"
        )


_MEASURED = {
    "bytes": "bytes",
    "depth": "objects within each other",
    "objects": "objects",
    "items": "items",
    "memo": "objects to refer to",
    "digits": "digits",
    "characters": "characters",
    "hashing": "parts of keys to hash",
    "seconds": "seconds",
}


class StampError(UnpicklingError):
    """Refuse a stamp, or a state, that is not what its stamp promises."""

    ref: str
    problem: str

    def _sentence(self) -> str:
        return (
            f"{self.ref}: {self.problem}; no release of versionpickle writes this, so the "
            "data is damaged or was tampered with: restore it from a good copy"
        )


class UnknownClassError(UnpicklingError):
    """Say that nobody declared the class that a stamp names."""

    ref: str
    version: int
    problem: str

    def _sentence(self) -> str:
        met = f"this pickle needs {self.ref} at version {self.version}, but {self.problem}"
        do = (
            "import the module that declares it before loading, pass registry= if another "
            "registry knows it"
        )
        if ":" not in self.ref:
            return f"{met}; {do}, or give its class name={self.ref!r} again"
        return (
            f"{met}; {do}, or say what became of it: formerly=({self.ref!r},) on its successor, "
            f"alias({self.ref!r}, ...) or retire({self.ref!r})"
        )


class UpgradeError(UnpicklingError):
    """Be the base of the errors that stop old data on its way to today's class."""

    ref: str
    version: int
    """The version that was stored."""

    current: int
    """The version of today's class."""

    def _met(self) -> str:
        if self.version == self.current:
            return f"{self.ref} at version {self.version}"
        return f"{self.ref} at version {self.version} (today's is {self.current})"

    def _migration(self, version: int) -> str:
        return f"migration({self.ref.partition(':')[2] or repr(self.ref)}, {version}, ...)"


class FutureVersionError(UpgradeError):
    """Refuse data that was written by newer code."""

    def _sentence(self) -> str:
        return (
            f"this pickle holds {self.ref} at version {self.version}, but this code only "
            f"knows versions up to {self.current}; it was written by newer code: "
            "update this program, or carry it along unread with future='keep'"
        )


class PastVersionError(UpgradeError):
    """Refuse data that is older than the oldest version that the class still reads."""

    oldest: int

    def _sentence(self) -> str:
        return (
            f"this pickle holds {self.ref} at version {self.version}, and the oldest that this "
            f"code still reads is {self.oldest}; load it with a release of yours that reads both, "
            "store it again from there, and load that"
        )


class MissingStepError(UpgradeError):
    """Name the hole in a chain of steps."""

    missing: int
    """The version from which no step leads on."""

    def _sentence(self) -> str:
        return (
            f"{self._met()} cannot be upgraded: no step leaves version {self.missing}; "
            f"register one with {self._migration(self.missing)}"
        )

    def _migration(self, version: int) -> str:
        if self.version == self.current:  # the class is gone
            return f"migration({self.ref!r}, {version}, ...)"
        return super()._migration(version)


class StepError(UpgradeError):
    """Say which step failed, and why."""

    step: str
    problem: str

    def _sentence(self) -> str:
        doing = "loading" if self.version == self.current else "upgrading"
        return f"{doing} {self._met()}: {self.step} failed: {self.problem}"


class FieldsError(UpgradeError):
    """Say which fields are missing or left over after the last step."""

    missing: tuple[str, ...]
    leftover: tuple[str, ...]
    led_by: str | None
    """The step that led to this class from another, if one did."""

    def _sentence(self) -> str:
        if self.led_by is not None:
            met = f"{self.led_by} leads to {self._met()}, but not to its fields"
        elif self.version == self.current:
            met = (
                f"this pickle holds {self._met()}, as is today's class, but the fields "
                "differ: the class was changed without a new version"
            )
        else:
            met = f"the steps for {self._met()} do not end in what the class declares"
        return f"{met}; {'; '.join(self._findings())}"

    def _findings(self) -> list[str]:
        found = []
        if self.missing:
            cure = ", ".join(f"add({name!r}, ...)" for name in self.missing)
            found.append(f"missing {_listed(self.missing)}: say {cure} in a step")
        if self.leftover:
            names = _listed(self.leftover)
            is_pair = len(self.leftover) == len(self.missing) == 1
            renamed = f"{names}, {_listed(self.missing)}" if is_pair else "..."
            found.append(f"left over {names}: say remove({names}) or rename({renamed}) in a step")
        if self.version == self.current and self.led_by is None:
            found.append(
                f"raise version= to {self.current + 1} and register "
                f"{self._migration(self.current)}"
            )
        return found


class InvalidObjectError(UpgradeError):
    """Say that an upgraded object did not pass its class's own validators."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"{self._met()} was upgraded, but the result is not valid: {self.problem}; "
            "mend the step that makes this value"
        )


class PlainLoadError(UpgradeError):
    """Say that an old object becomes another in a way that plain pickle has no means for."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"{self._met()} becomes another object when it is loaded, and plain pickle cannot do "
            f"that here ({self.problem}); load it with versionpickle.loads"
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
