"""
Every error of versionpickle, in one tree.

::

    VersionPickleError
    ├── DeclarationError           (ValueError)  a declaration is invalid
    ├── ProjectError               (ValueError)  a configuration, schema or sample is invalid
    ├── StoreError                               a store cannot do what it was asked to do
    │   ├── NotAStoreError                       the file is not a store, or of a newer format
    │   ├── LockedStoreError                     another program locked the store for too long
    │   ├── DamagedStoreError                    the file of the store is damaged
    │   └── ConflictError                        someone else changed the record in the meantime
    ├── PicklingError              (pickle.PicklingError, TypeError, AttributeError)
    │   ├── UnpicklableError                     an object cannot be pickled
    │   ├── UnreachableClassError                no load could find the class again
    │   └── DowngradeError                       an older version cannot be written
    └── UnpicklingError            (pickle.UnpicklingError)
        ├── TruncatedError         (EOFError)    the bytes end too early
        ├── DamagedError           (ValueError)  the bytes are not exactly one pickle
        │   ├── EncodingError                    a string of Python 2 is in another encoding
        │   └── NotAPickleError                  the bytes are gzip, JSON or the like
        ├── DamagedRecordError     (ValueError)  a record of a store differs from what was stored
        ├── BuildError                           a class or function raised an error of its own
        │   └── NotAClassError                   what made an object is no class today
        ├── CycleError                           an object is part of what needs its hash
        ├── ForbiddenError                       the load may not build these names
        ├── UntrustedError                       under limits=, data that no pickler writes
        ├── LimitError                           under limits=, too much of something
        ├── StampError                           a stamp is invalid
        ├── UnknownClassError                    the class of a stamp is not declared
        └── UpgradeError                         old data cannot be upgraded to today's class
            ├── FutureVersionError               newer code wrote it
            ├── PastVersionError                 its version is no longer read
            ├── MissingStepError                 the chain of steps has a hole
            ├── StepError                        a step failed
            ├── FieldsError                      the result has other fields than the class
            ├── InvalidObjectError               the result fails the validators of the class
            └── PlainLoadError                   only versionpickle's own loads can upgrade it

Facts are attributes; the message is made from them.
All of these errors can be pickled.
"""

from __future__ import annotations

import pickle

from typing import Any, ClassVar, Self, dataclass_transform


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
    "NotAClassError",
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


_TEXT_MAX = 600
"""How many characters of a fact its message shows."""

_LIST_MAX = 2_000
"""How many characters of a list it shows."""

_WORD_MAX = 200
_INT_MAX = 2**128


def printable(fact: Any) -> Any:
    r"""
    Return what a message shows of *fact*, which may come from a hostile pickle.

    >>> printable("a\n" + "b" * 1000)[:6], len(printable("b" * 1000)) < 700
    ('a\\nbbb', True)
    """
    if isinstance(fact, tuple):
        return _printable_list(fact)
    if isinstance(fact, str):
        return _printable_text(fact, _TEXT_MAX)
    if type(fact) is int and abs(fact) > _INT_MAX:  # Python refuses to print very long ones
        return f"<an int of {fact.bit_length()} bits>"
    return fact


def _printable_text(text: str, length: int) -> str:
    if len(text) > length:
        half = length // 2
        text = f"{text[:half]} ... ({len(text) - 2 * half:,} characters) ... {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _printable_list(facts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the first of these, and how many more there are."""
    shown: list[Any] = []
    room = _LIST_MAX
    for fact in facts:
        shown.append(_printable_text(fact, _WORD_MAX) if isinstance(fact, str) else fact)
        room -= len(str(shown[-1]))
        if room < 0 and len(facts) > len(shown):
            return (*shown, f"{len(facts) - len(shown):,} more")
    return tuple(shown)


@dataclass_transform()
class VersionPickleError(Exception):
    """The base of every error that versionpickle raises."""

    # attrs could do this, but it would add a sixth to the time that our import takes.
    facts: ClassVar[tuple[str, ...]] = ()
    """The names of the facts, in the order of the arguments."""

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
        The expression that leads to the object, such as ``order.items[2]``.

        None for the outermost object, and if the path is not known.
        """
        return self._path

    @path.setter
    def path(self, path: str | None) -> None:
        vars(self)["_path"] = path

    @property
    def key(self) -> Any:
        """The key of the record in its store; None if the pickle is not in a store."""
        return self._key

    @key.setter
    def key(self, key: Any) -> None:
        vars(self)["_key"] = key

    def __str__(self) -> str:
        message = self._printable()._sentence()
        if self.path is not None:
            message = f"{printable(self.path)}: {message}"
        return message if self.key is None else f"record {printable(repr(self.key))}: {message}"

    def _printable(self) -> Self:
        """Return the same error with facts that are short and printable."""
        shown = type(self).__new__(type(self), *map(printable, self.args))
        vars(shown).update({name: printable(fact) for name, fact in vars(self).items()})
        return shown

    def _sentence(self) -> str:
        return Exception.__str__(self)


class DeclarationError(VersionPickleError, ValueError):
    """A declaration is invalid."""

    ref: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.ref}: {self.problem}; {self.cure}"


class ProjectError(VersionPickleError, ValueError):
    """A file that the schema check of a project needs is invalid."""

    file: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.file}: {self.problem}; {self.cure}"


class StoreError(VersionPickleError):
    """A store cannot do what it was asked to do."""

    store: str
    problem: str
    cure: str

    def _sentence(self) -> str:
        return f"{self.store}: {self.problem}; {self.cure}"


class NotAStoreError(StoreError):
    """The file is not a store, or newer code created it."""


class LockedStoreError(StoreError):
    """Others locked the store for longer than the timeout; nothing was changed."""


class DamagedStoreError(StoreError):
    """The file of a store is damaged."""


class ConflictError(StoreError):
    """Someone else changed a record after it was read and before it was written."""


class PicklingError(VersionPickleError, pickle.PicklingError, TypeError, AttributeError):
    """
    An object could not be pickled.

    pickle raises one of three errors for this; this error is all three.
    """

    problem: str

    def _sentence(self) -> str:
        return self.problem


class UnpicklableError(PicklingError):
    """An object cannot be pickled; `path` leads to it."""

    subject: str
    """The object, described."""

    cure: str

    def _sentence(self) -> str:
        return f"cannot pickle {self.subject}: {self.problem}; {self.cure}"


class UnreachableClassError(PicklingError):
    """No load could find the class of the object again."""

    ref: str
    cure: str

    def _sentence(self) -> str:
        return (
            f"cannot pickle objects of {self.ref}: {self.problem}, so no load could find "
            f"the class again; {self.cure}"
        )


class DowngradeError(PicklingError):
    """A class cannot be written at an older version; nothing was written."""

    ref: str
    version: int | str

    def _sentence(self) -> str:
        return (
            f"cannot write {self.ref} at version {self.version!r}: {self.problem}; fix that, or "
            "choose another version in versions= (nothing was written)"
        )


class UnpicklingError(VersionPickleError, pickle.UnpicklingError):
    """The base of every error of a load."""


class TruncatedError(UnpicklingError, EOFError):
    """The bytes end before the pickle does."""

    size: int | None

    def _sentence(self) -> str:
        data = "the data" if self.size is None else f"the data ({self.size} bytes)"
        return f"{data} ended before the pickle did; restore it from a complete copy"


class DamagedError(UnpicklingError, ValueError):
    """The bytes are not exactly one pickle."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"these bytes are not one complete pickle: {self.problem}; "
            "restore them from a good copy, or examine them with pickletools.dis"
        )


class NotAPickleError(DamagedError):
    """The bytes are not a pickle; the error names what they are and how to read them."""

    cure: str

    def _sentence(self) -> str:
        return f"{self.problem}; {self.cure}"


class EncodingError(DamagedError):
    """A string from Python 2 cannot be decoded with the encoding of the load."""

    string: str
    """The string, or a part of it, as Python shows bytes."""

    encoding: str

    def _sentence(self) -> str:
        return (
            f"{self.problem}; load it with encoding='latin1', which datetime and numpy need, or "
            "with the encoding of its texts if that is another one"
        )


class DamagedRecordError(UnpicklingError, ValueError):
    """The bytes of a record are not those that were stored."""

    store: str
    problem: str

    def _sentence(self) -> str:
        return (
            f"{self.problem}; restore it from a backup of {self.store} and store it again, or "
            "delete it (nothing was changed)"
        )


class BuildError(UnpicklingError):
    """A class, or a function in the pickle, raised an error of its own."""

    problem: str
    ref: str | None
    """What the pickle names to build the object, if that is known."""

    def _sentence(self) -> str:
        return (
            f"{self.ref or 'an object'} could not be built from its pickle: {self.problem}; "
            f"{self._cure()}"
        )

    def _cure(self) -> str:
        return (
            "if its class now stores other fields, register a migration() step; if it is created "
            "by a call that now takes other arguments, pass alias() a function that takes the old "
            "ones"
        )


class NotAClassError(BuildError):
    """A pickle makes an object of something that is no class today."""

    def _cure(self) -> str:
        return (
            f"if another class took its place, pass formerly={self.ref!r} to versioned() or "
            f"adopt(), or call alias({self.ref!r}, ...) with that class or with a function that "
            "makes the object"
        )


class CycleError(UnpicklingError):
    """An object, or its hash, is needed before the object is complete."""

    ref: str | None
    """The class of the object that needs it."""

    member: str
    """The path of the object that is needed."""

    def _sentence(self) -> str:
        return (
            f"this {self.ref or 'object'} is part of {self.member}, and needs it or its hash "
            "before it has its state; hold it in a list or tuple there, or compare it by identity "
            "(eq=False)"
        )


class ForbiddenError(UnpicklingError):
    """A pickle contains names that the load may not build; it lists all of them."""

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
            f"this pickle needs names that are not allowed: {names}; if you trust what they "
            f"do, call versionpickle.allow({calls}) before loading (or pass "
            "allow=[...] to this load); if a class has moved, pass formerly= with its old name "
            "to versioned() or adopt(); if it no longer exists, call alias() or retire(); if "
            "another registry knows it, pass registry="
        )


class UntrustedError(UnpicklingError):
    """A load with ``limits=`` found data that no pickler writes."""

    problem: str
    offset: int
    """The position of the refused opcode in the pickle."""

    def _sentence(self) -> str:
        return (
            f"at byte {self.offset}: {self.problem}; no pickler writes this, so do not use these "
            "bytes unless you wrote them yourself"
        )


class LimitError(UnpicklingError):
    """A load with ``limits=`` found more of something than they allow."""

    limit: str
    """The name of the limit, as in ``Limits``."""

    allowed: float
    value: float
    """What was found."""

    offset: int
    """Where in the pickle it was found."""

    def _sentence(self) -> str:
        value = f"{self.value:.2f}" if isinstance(self.value, float) else self.value
        unit = _UNITS.get(self.limit, self.limit)
        return (
            f"at byte {self.offset}: {value} {unit}, but at most {self.allowed} are allowed; if "
            "you know where these bytes come from and want to load them anyway, pass "
            f"limits=Limits({self.limit}=...)"
        )


_UNITS = {
    "bytes": "bytes",
    "depth": "nested objects",
    "objects": "objects",
    "items": "items",
    "memo": "objects in the memo",
    "digits": "digits",
    "characters": "characters",
    "hashing": "parts of keys to hash",
    "seconds": "seconds",
}


class StampError(UnpicklingError):
    """A stamp is invalid, or a state does not fit its stamp."""

    ref: str
    problem: str

    def _sentence(self) -> str:
        return (
            f"{self.ref}: {self.problem}; no release of versionpickle writes this, so the "
            "data is damaged or was tampered with; restore it from a good copy"
        )


class UnknownClassError(UnpicklingError):
    """The class that a stamp names is not declared."""

    ref: str
    version: int
    problem: str

    def _sentence(self) -> str:
        finding = f"this pickle needs {self.ref} at version {self.version}, but {self.problem}"
        return f"{finding}; {self.cure}"

    @property
    def cure(self) -> str:
        cure: str = vars(self).get("_cure") or self._cure_of_unknown()
        return cure

    @cure.setter
    def cure(self, cure: str) -> None:
        vars(self)["_cure"] = cure

    def _cure_of_unknown(self) -> str:
        cure = (
            "import the module that declares it before loading, pass registry= if another "
            "registry knows it"
        )
        if ":" not in self.ref:
            return f"{cure}, or give its class name={self.ref!r} again"
        return (
            f"{cure}, or declare what became of it: formerly=({self.ref!r},) on its "
            f"successor, migration({self.ref!r}, {self.version}, become(...)) or replace(...), or "
            f"retire({self.ref!r})"
        )


class UpgradeError(UnpicklingError):
    """The base of the errors of an upgrade from old data to today's class."""

    ref: str
    version: int
    """The version that was stored."""

    current: int
    """The version of today's class."""

    def _data(self) -> str:
        if self.version == self.current:
            return f"{self.ref} at version {self.version}"
        return f"{self.ref} at version {self.version} (today's is {self.current})"

    def _migration(self, version: int) -> str:
        return f"migration({self.ref.partition(':')[2] or repr(self.ref)}, {version}, ...)"


class FutureVersionError(UpgradeError):
    """Newer code wrote the data."""

    def _sentence(self) -> str:
        return (
            f"this pickle contains {self.ref} at version {self.version}, but this code only "
            f"knows versions up to {self.current}, so newer code wrote it; update this program, "
            "or load it as a placeholder with future='keep'"
        )


class PastVersionError(UpgradeError):
    """The data is older than the oldest version that the class reads."""

    oldest: int

    def _sentence(self) -> str:
        return (
            f"this pickle contains {self.ref} at version {self.version}, but the oldest version "
            f"that this code reads is {self.oldest}; load and save it once with an older release "
            "of your program that reads both"
        )


class MissingStepError(UpgradeError):
    """A step is missing in the chain."""

    missing: int
    """The version that no step leaves."""

    def _sentence(self) -> str:
        return (
            f"{self._data()} cannot be upgraded: no step leaves version {self.missing}; "
            f"register one with {self._migration(self.missing)}, or, if its module has not been "
            "imported, name that module with migrations= where the class is declared"
        )

    def _migration(self, version: int) -> str:
        if self.version == self.current:  # the class is gone
            return f"migration({self.ref!r}, {version}, ...)"
        return super()._migration(version)


class StepError(UpgradeError):
    """A step failed."""

    step: str
    problem: str

    def _sentence(self) -> str:
        doing = "loading" if self.version == self.current else "upgrading"
        return f"{doing} {self._data()}: {self.step} failed: {self.problem}"


class FieldsError(UpgradeError):
    """Fields are missing or left over after the last step."""

    missing: tuple[str, ...]
    leftover: tuple[str, ...]
    led_by: str | None
    """The step that led to this class from another, if one did."""

    @property
    def bases(self) -> tuple[tuple[str, int], ...]:
        """The versioned bases, with their versions, to which the missing fields may belong."""
        bases: tuple[tuple[str, int], ...] = vars(self).get("_bases", ())
        return bases

    @bases.setter
    def bases(self, bases: tuple[tuple[str, int], ...]) -> None:
        vars(self)["_bases"] = bases

    was_upgraded = False
    """Whether there were steps, of the class or of its bases."""

    @property
    def hint(self) -> str | None:
        """What else may help."""
        hint: str | None = vars(self).get("_hint")
        return hint

    @hint.setter
    def hint(self, hint: str) -> None:
        vars(self)["_hint"] = hint

    def _sentence(self) -> str:
        if self.missing and self.bases and self.led_by is None:
            finding = self._finding_of_base(*self.bases[0])
        elif self.led_by is not None:
            finding = f"{self.led_by} leads to {self._data()}, but not to its fields"
        elif self.version == self.current:
            finding = (
                f"this pickle contains {self._data()}, the version of today's class, but with "
                "other fields: the class was changed without a new version"
            )
        else:
            finding = f"the steps for {self._data()} do not end in what the class declares"
        hints = [] if self.hint is None else [self.hint]
        return "; ".join([finding, *self._differences(), *hints])

    def _finding_of_base(self, base: str, version: int) -> str:
        if self.was_upgraded:
            return f"{self._data()}: the steps for its base {base} do not end in its fields"
        return (
            f"this pickle contains {self._data()}, but with other fields of its base {base}: "
            "that class was changed without a new version"
        )

    def _differences(self) -> list[str]:
        fields = tuple(name for name in self.leftover if name not in _PARTS)
        differences = [f"left over {_PARTS[name]}" for name in self.leftover if name in _PARTS]
        if self.missing:
            cure = ", ".join(f"add({name!r}, ...)" for name in self.missing)
            differences.append(f"missing {_listed(self.missing)}: use {cure} in a step")
        if fields:
            differences.append(self._left_over(fields))
        if self.missing and self.bases and self.led_by is None:
            if not self.was_upgraded:
                differences.append(_raised_of_base(*self.bases[0]))
        elif self.version == self.current and self.led_by is None:
            differences.append(
                f"raise version= to {self.current + 1} and register "
                f"{self._migration(self.current)}"
            )
            if self.bases:
                last = _raised_of_base(*self.bases[-1])
                differences.append(f"or, for a field of its base, {last}")
        return differences

    def _left_over(self, fields: tuple[str, ...]) -> str:
        names = _listed(fields)
        if len(fields) == len(self.missing) == 1:
            old_and_new = f"{names}, {_listed(self.missing)}"
            return f"left over {names}: use rename({old_and_new}) or remove({names}) in a step"
        return f"left over {names}: use rename(...) or remove({names}) in a step"


def _raised_of_base(ref: str, version: int) -> str:
    name = ref.partition(":")[2] or repr(ref)
    return (
        f"raise version= of {name} to {version + 1} and register migration({name}, {version}, ...)"
    )


_PARTS = {
    "<arguments>": "constructor arguments: use name_arguments(...) or remove('<arguments>')",
    "<keywords>": "keyword arguments: use name_arguments(...) or remove('<keywords>')",
    "<items>": "items: use name_items(...) or remove('<items>')",
    "<state>": "a state without field names: use name_positions(...) or remove('<state>')",
}
"""The keys of what an object stored besides its fields, and what to do about it."""


class InvalidObjectError(UpgradeError):
    """An upgraded object does not pass the validators of its class."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"{self._data()} was upgraded, but the result is not valid: {self.problem}; "
            "fix the step that returns this value"
        )


class PlainLoadError(UpgradeError):
    """Plain pickle cannot convert an old object to another in this way."""

    problem: str

    def _sentence(self) -> str:
        return (
            f"{self._data()} becomes another object when it is loaded, which plain pickle cannot "
            f"do here ({self.problem}); load it with versionpickle.loads"
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
